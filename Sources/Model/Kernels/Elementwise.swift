/// SwiGLU, in place: gate[i] becomes silu(gate[i]) * up[i] with silu(g) = g * sigmoid(g) (Shazeer, GLU Variants).
/// Shapes: both n.
///
/// Order (llama2.c): g * (1 / (1 + exp(-g))), then times up.
package func swiglu<Scalar: Real>(_ gate: inout MutableSpan<Scalar>, up: Span<Scalar>) {
  precondition(up.count == gate.count)
  for i in 0..<up.count {
    let silu = gate[i] * (1 / (1 + Scalar.exponential(-gate[i])))
    gate[i] = silu * up[i]
  }
}

/// Residual connection: x[i] += branch[i]. Shapes: both n.
package func add<Scalar: Real>(_ x: inout MutableSpan<Scalar>, _ branch: Span<Scalar>) {
  precondition(x.count == branch.count)
  for i in 0..<x.count { x[i] += branch[i] }
}

/// The embedding of a token: row `token` of the table. Shapes: output dim, table vocab_size x dim.
///
/// int8 tables are dequantized as value * scale, in the precision of the run.
package func embed<Scalar: Real>(_ output: inout MutableSpan<Scalar>, table: WeightMatrix, token: Int) {
  precondition(output.count == table.columns && token < table.rows)
  switch table {
  case .float32(let matrix):
    let row = matrix[row: token]
    for j in 0..<row.count { output[j] = Scalar(row[j]) }
  case .int8(let matrix):
    for j in 0..<matrix.columns {
      let index = token * matrix.columns + j
      output[j] = Scalar(matrix.values[index]) * Scalar(matrix.scale(ofElement: index))
    }
  }
}

/// output[i] = x[i]. Shapes: both n.
package func copy<Scalar: Real>(_ output: inout MutableSpan<Scalar>, _ x: Span<Scalar>) {
  precondition(output.count == x.count)
  for i in 0..<x.count { output[i] = x[i] }
}
