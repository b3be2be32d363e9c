/// Rotates pairs of elements by angles that grow with the position (RoPE; Su et al., RoFormer), in place. Shape: whole
/// heads of `headSize` elements.
///
/// Order (llama2.c): for even i with d = i mod head_size, frequency = 1 / base^(d / head_size), angle = position *
/// frequency; (v[i], v[i+1]) becomes (v0 cos - v1 sin, v0 sin + v1 cos).
package func rotate<Scalar: Real>(
  _ vector: inout MutableSpan<Scalar>, position: Int, headSize: Int, base: Scalar
) {
  precondition(vector.count % headSize == 0 && headSize % 2 == 0)
  for i in stride(from: 0, to: vector.count, by: 2) {
    let d = i % headSize
    let frequency = 1 / Scalar.power(base, Scalar(d) / Scalar(headSize))
    let angle = Scalar(position) * frequency
    let (cosine, sine) = (Scalar.cosine(angle), Scalar.sine(angle))
    let (first, second) = (vector[i], vector[i + 1])
    vector[i] = first * cosine - second * sine
    vector[i + 1] = first * sine + second * cosine
  }
}
