/// Cosines and sines of a block's positions (RoPE; Su et al., RoFormer): the same in every layer and head, so computed
/// once.
public struct RotationTable<Scalar: Real> {
  /// Per position of the block: cosine and sine of each pair of a head, side by side, head_size in all.
  private var rows: Matrix<Scalar>

  init(blockSize: Int, headSize: Int) { rows = Matrix(rows: blockSize, columns: headSize, repeating: 0) }

  /// Order (llama2.c): for even d in the head, frequency = 1 / base^(d / head_size), angle = position * frequency.
  mutating func fill(_ positions: Range<Int>, base: Scalar) {
    for (r, position) in positions.enumerated() {
      var row = rows.mutableRow(r)
      rotationAngles(&row, position: position, base: base)
    }
  }

  /// One position's cosines and sines. Shape: head_size.
  @_lifetime(borrow self)
  func row(_ row: Int) -> Span<Scalar> { rows.row(row) }
}

/// Cosine and sine of the angle of each pair of a head. Shape: head_size.
package func rotationAngles<Scalar: Real>(_ angles: inout MutableSpan<Scalar>, position: Int, base: Scalar) {
  let headSize = angles.count
  for d in stride(from: 0, to: headSize, by: 2) {
    let frequency = 1 / Scalar.power(base, Scalar(d) / Scalar(headSize))
    let angle = Scalar(position) * frequency
    angles[d] = Scalar.cosine(angle)
    angles[d + 1] = Scalar.sine(angle)
  }
}

/// Rotates pairs of elements, in place: (v[i], v[i+1]) becomes (v0 cos - v1 sin, v0 sin + v1 cos). Shapes: whole heads,
/// and the angles of one head.
package func rotate<Scalar: Real>(_ vector: inout MutableSpan<Scalar>, angles: Span<Scalar>) {
  let headSize = angles.count
  precondition(vector.count % headSize == 0 && headSize % 2 == 0)
  for head in stride(from: 0, to: vector.count, by: headSize) {
    for d in stride(from: 0, to: headSize, by: 2) {
      let (first, second) = (vector[head + d], vector[head + d + 1])
      vector[head + d] = first * angles[d] - second * angles[d + 1]
      vector[head + d + 1] = first * angles[d + 1] + second * angles[d]
    }
  }
}
