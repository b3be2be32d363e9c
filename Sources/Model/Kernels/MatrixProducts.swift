/// output = weights * input, for rows in `rows`. Shapes: output d, weights d x n, input n.
///
/// Order (llama2.c `matmul`): each output element is a running sum from 0 over ascending columns.
package func multiply<Scalar: Real>(
  _ output: inout MutableSpan<Scalar>, _ weights: MatrixView<Float>, _ input: Span<Scalar>, rows: Range<Int>
) {
  precondition(output.count == rows.count && weights.columns == input.count)
  for i in rows {
    let row = weights[row: i]
    var sum: Scalar = 0
    for j in 0..<input.count { sum += Scalar(row[j]) * input[j] }
    output[i - rows.lowerBound] = sum
  }
}

/// output = dequantized weights * input: the float64 oracle's product for int8 weights. Shapes as above.
///
/// A value times its scale is exact in float64.
package func multiplyDequantized<Scalar: Real>(
  _ output: inout MutableSpan<Scalar>, _ weights: QuantizedMatrixView, _ input: Span<Scalar>, rows: Range<Int>
) {
  precondition(output.count == rows.count && weights.columns == input.count)
  for i in rows {
    var sum: Scalar = 0
    for j in 0..<input.count {
      let index = i * weights.columns + j
      sum += Scalar(weights.values[index]) * Scalar(weights.scale(ofElement: index)) * input[j]
    }
    output[i - rows.lowerBound] = sum
  }
}

/// output = weights * input, both int8 with group scales (llama2.c `runq` `matmul`). Shapes: output d, weights d x n,
/// input values n, input scales n / group size.
///
/// Order: per row, groups in ascending order; each group's products are summed exactly in 32 bits, and the running float32
/// sum grows by (sum * weight scale) * input scale. Columns after the last whole group do not count. The weight
/// scale is the one that the group's first element has in the flat matrix, which may have begun in the row above.
package func multiplyQuantized(
  _ output: inout MutableSpan<Float>, _ weights: QuantizedMatrixView, values: Span<Int8>, scales: Span<Float>,
  rows: Range<Int>
) {
  let columns = weights.columns
  let size = weights.groupSize
  precondition(output.count == rows.count && values.count == columns && scales.count == columns / size)
  for i in rows {
    var total: Float = 0
    for group in 0..<(columns / size) {
      let start = group * size
      let first = i * columns + start
      var sum: Int32 = 0
      for k in 0..<size { sum &+= Int32(values[start + k]) * Int32(weights.values[first + k]) }
      total += (Float(sum) * weights.scale(ofElement: first)) * scales[group]
    }
    output[i - rows.lowerBound] = total
  }
}
