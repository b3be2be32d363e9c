package import Model

/// The kernels as plain loops, each in the one order that llama2.c's arithmetic has: the definition that the fast ones
/// are tested against, and what planted faults start from.
package enum Plain {
  /// output[i] = sum over j of w[i][j] * x[j], a running sum from 0, j ascending (llama2.c `matmul`). Shapes: w d x n,
  /// x n.
  package static func product<Scalar: Real>(_ w: MatrixView<Float>, _ x: Span<Scalar>) -> [Scalar] {
    var output: [Scalar] = []
    for i in 0..<w.rows {
      let row = w[row: i]
      var sum: Scalar = 0
      for j in 0..<x.count { sum += Scalar(row[j]) * x[j] }
      output.append(sum)
    }
    return output
  }

  /// The same of int8 weights and activations with group scales (llama2.c `runq` `matmul`): a running float32 sum over
  /// groups, each of (the exact sum of its products * weight scale) * activation scale. Shapes: w d x n, values n,
  /// scales n / group size.
  package static func product(_ w: QuantizedMatrixView, values: Span<Int8>, scales: Span<Float>) -> [Float] {
    var output: [Float] = []
    let size = w.groupSize
    for i in 0..<w.rows {
      var total: Float = 0
      for group in 0..<(w.columns / size) {
        let first = i * w.columns + group * size
        var sum: Int32 = 0
        for k in 0..<size { sum &+= Int32(values[group * size + k]) * Int32(w.values[first + k]) }
        total += (Float(sum) * w.scale(ofElement: first)) * scales[group]
      }
      output.append(total)
    }
    return output
  }

  /// One head's scores: (q . k[t]) / sqrt(head_size). Shapes: q head_size, keys pos + 1 rows.
  package static func scores<Scalar: Real>(_ q: [Scalar], keys: [[Scalar]]) -> [Scalar] {
    keys.map { key in
      var sum: Scalar = 0
      for i in q.indices { sum += q[i] * key[i] }
      return sum / Scalar(q.count).squareRoot()
    }
  }

  /// softmax (llama2.c `softmax`).
  package static func softmax<Scalar: Real>(_ x: [Scalar]) -> [Scalar] {
    var largest = x[0]
    for t in 1..<x.count where x[t] > largest { largest = x[t] }
    var result = x
    var sum: Scalar = 0
    for t in x.indices {
      result[t] = Scalar.exponential(x[t] - largest)
      sum += result[t]
    }
    for t in x.indices { result[t] /= sum }
    return result
  }

  /// One head's output: from 0, t ascending, output[i] += a[t] * v[t][i]. Shapes: a pos + 1, values pos + 1 rows.
  package static func weightedSum<Scalar: Real>(_ a: [Scalar], values: [[Scalar]]) -> [Scalar] {
    var output = [Scalar](repeating: 0, count: values[0].count)
    for t in a.indices {
      for i in output.indices { output[i] += a[t] * values[t][i] }
    }
    return output
  }
}

/// Rotates all heads of a vector by a position's angles.
package func rotate<Scalar: Real>(
  _ vector: inout MutableSpan<Scalar>, position: Int, headSize: Int, base: Scalar
) {
  var angles = [Scalar](repeating: 0, count: headSize)
  var span = angles.mutableSpan
  rotationAngles(&span, position: position, base: base)
  rotate(&vector, angles: angles.span)
}
