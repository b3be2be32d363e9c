/// Quantizes activations to int8 with one scale per whole group (llama2.c `runq` `quantize`). Shapes: values and x n,
/// scales n / group size.
///
/// Per group: scale = max|x| / 127, value = x / scale rounded to the nearest integer, halves away from zero. Values
/// after the last whole group are 0.
///
/// What C leaves undefined is defined here: a NaN does not count for the maximum; a quotient that is NaN gives 0; one
/// that rounds outside int8 (its scale is subnormal) gives the nearest int8; a group whose scale is 0 gives zeros.
package func quantize(
  _ values: inout MutableSpan<Int8>, _ scales: inout MutableSpan<Float>, _ x: Span<Float>, groupSize: Int
) {
  precondition(values.count == x.count && scales.count == x.count / groupSize)
  for group in 0..<scales.count {
    let range = (group * groupSize)..<((group + 1) * groupSize)
    var largest: Float = 0
    for j in range where abs(x[j]) > largest { largest = abs(x[j]) }
    let scale = largest / 127
    scales[group] = scale
    for j in range { values[j] = scale == 0 ? 0 : quantized(x[j] / scale) }
  }
  for j in (scales.count * groupSize)..<x.count { values[j] = 0 }
}

/// Kernel: the nearest integer is the whole part, one further from zero where the rest is a half or more. Both are
/// exact for quotients of int8's size, to which greater ones are cut.
private func quantized(_ quotient: Float) -> Int8 {
  if quotient.isNaN { return 0 }
  let cut = max(-128, min(127, quotient))
  let whole = Int32(cut)
  let rest = cut - Float(whole)
  return Int8(truncatingIfNeeded: rest >= 0.5 ? whole + 1 : rest <= -0.5 ? whole - 1 : whole)
}
