/// Scaled scores of one head: scores[t] = (q . k[t]) / sqrt(head_size). Shapes: scores pos + 1, query head_size, keys
/// positions x kv_dim, of which `columns` are this head's.
///
/// Order (llama2.c): products summed in ascending order, then one division.
package func attentionScores<Scalar: Real>(
  _ scores: inout MutableSpan<Scalar>, query: Span<Scalar>, keys: MatrixView<Scalar>, columns: Range<Int>
) {
  precondition(query.count == columns.count && scores.count <= keys.rows)
  let divisor = Scalar(query.count).squareRoot()
  for t in 0..<scores.count {
    let key = keys[row: t].extracting(columns)
    var sum: Scalar = 0
    for i in 0..<query.count { sum += query[i] * key[i] }
    scores[t] = sum / divisor
  }
}

/// Softmax, in place: x[t] becomes exp(x[t] - max x) / sum of these. Shape: m, not empty.
///
/// Order (llama2.c `softmax`): the maximum is the first greatest; exponentials are summed in ascending order and each is
/// then divided by the sum.
package func softmax<Scalar: Real>(_ x: inout MutableSpan<Scalar>) {
  precondition(x.count > 0)
  var largest = x[0]
  for t in 1..<x.count where x[t] > largest { largest = x[t] }
  var sum: Scalar = 0
  for t in 0..<x.count {
    x[t] = Scalar.exponential(x[t] - largest)
    sum += x[t]
  }
  for t in 0..<x.count { x[t] /= sum }
}

/// Weighted sum of values of one head: output[i] = sum over t of weights[t] * v[t][i]. Shapes: output head_size, weights
/// pos + 1, values positions x kv_dim, of which `columns` are this head's.
///
/// Order (llama2.c): from 0, positions ascending.
package func weightedSum<Scalar: Real>(
  _ output: inout MutableSpan<Scalar>, weights: Span<Scalar>, values: MatrixView<Scalar>, columns: Range<Int>
) {
  precondition(output.count == columns.count && weights.count <= values.rows)
  for i in 0..<output.count { output[i] = 0 }
  for t in 0..<weights.count {
    let weight = weights[t]
    let value = values[row: t].extracting(columns)
    for i in 0..<output.count { output[i] += weight * value[i] }
  }
}
