/// output[p] = weights * input[p] for the first `count` rows p, positions of a block. Shapes: output block x d, weights
/// d x n, input block x n.
///
/// Order (llama2.c `matmul`): each output element is a running sum from 0 over ascending columns. One position takes
/// eight rows of weights at a time; a block takes sixteen positions (eight in float64) at a time, so that each weight
/// is read once.
///
/// Kernel: threads write disjoint columns of the output.
///
/// - Parameter packed: room for the block's inputs, one position to a lane.
func multiply<Scalar: Real>(
  _ output: inout Matrix<Scalar>, _ weights: MatrixView<Float>, _ input: Matrix<Scalar>, count: Int,
  packed: inout PackedBlock<Scalar>, _ team: ThreadTeam
) {
  precondition(output.columns == weights.rows && input.columns == weights.columns)
  precondition(count <= output.rows && count <= input.rows)
  let kernels = Scalar.vectorProducts
  let (rows, columns) = (weights.rows, weights.columns)
  let isBlock = count >= leastBlock
  if isBlock { packed.fill(input, count: count, team) }
  weights.elements.withUnsafeBufferPointer { weights in
    guard let weights = weights.baseAddress else { return }
    output.withUnsafeMutableElements { output in
      if isBlock {
        packed.withUnsafeElements { packed in
          team.share(rows, costPerItem: columns * count, multiple: panelHeight) { part in
            kernels.products(
              team.unit, output + part.lowerBound, rows, weights + part.lowerBound * columns, columns, part.count,
              columns, packed, count)
          }
        }
      } else {
        input.withUnsafeElements { input in
          for r in 0..<count {
            team.share(rows, costPerItem: columns, multiple: panelHeight) { part in
              kernels.product(
                team.unit, output + r * rows + part.lowerBound, weights + part.lowerBound * columns, columns,
                part.count, columns, input + r * columns)
            }
          }
        }
      }
    }
  }
}

/// Positions from which on a block is faster than one position after the other: the lanes of absent positions are
/// computed in vain.
let leastBlock = 3

/// Parts of a product begin at multiples of so many rows of weights, which the kernels' four or eight divide.
let panelHeight = 16

/// output = dequantized weights * input: the float64 oracle's product for int8 weights. Shapes: output part of d,
/// weights d x n, input n.
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
