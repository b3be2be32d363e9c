/// Scaled scores of all heads of a block: att[p][h][t] = (q[p][h] . k[t][kv head of h]) / sqrt(head_size) for t up to
/// the position of p. Shapes: q block x dim, keys of the layer positions x kv_dim.
///
/// Order (llama2.c): products summed in ascending order, then one division.
///
/// Kernel: threads take different heads.
func attentionScores<Scalar: Real>(
  _ att: inout AttentionBuffer<Scalar>, _ queries: Matrix<Scalar>, _ cache: PositionCache<Scalar>, layer: Int,
  _ positions: Range<Int>, packed: inout PackedBlock<Scalar>, _ sizes: Configuration, _ team: ThreadTeam
) {
  let (headSize, length, count) = (sizes.headSize, positions.lowerBound + 1, positions.count)
  let keys = cache.layer(layer)
  precondition(keys.rows >= positions.upperBound && queries.rows >= count && queries.columns == sizes.dim)
  precondition(keys.columns == sizes.keyValueDim && att.headCount == sizes.headCount)
  precondition(att.length(blockRow: 0) == length, "a position attends to itself and all before it")
  let kernels = Scalar.vectorProducts
  let divisor = Scalar(headSize).squareRoot()
  let groupedCount = PackedBlock<Scalar>.paddedPositions(count)
  precondition(count == 1 || groupedCount * sizes.dim <= packed.elementCount)
  keys.elements.withUnsafeBufferPointer { keys in
    guard let keys = keys.baseAddress else { return }
    queries.withUnsafeElements { queries in
      packed.withUnsafeMutableElements { packed in
        att.withUnsafeMutableRows(count) { att, stride in
          team.share(sizes.headCount, costPerItem: attentionCost(count, positions.upperBound, headSize)) { heads in
            for head in heads {
              let columns = sizes.columns(ofHead: head)
              let query = queries + columns.lowerBound
              let key = keys + sizes.keyValueColumns(ofHead: head).lowerBound
              let scores = att + head * length
              if count == 1 {
                kernels.keyProduct(team.unit, scores, key, sizes.keyValueDim, length, headSize, query)
                for t in 0..<length { scores[t] /= divisor }
              } else {
                let part = packed + columns.lowerBound * groupedCount
                kernels.pack(team.unit, part, query, sizes.dim, headSize, count)
                kernels.causalScores(
                  team.unit, scores, stride + head, key, sizes.keyValueDim, headSize, part, positions.lowerBound, count,
                  divisor)
              }
            }
          }
        }
      }
    }
  }
}

/// What a head costs, in multiply-adds of a matrix product: one position alone waits for the memory that holds its keys
/// and values, which a position's weights have driven out of the caches.
private func attentionCost(_ count: Int, _ length: Int, _ headSize: Int) -> Int {
  (count == 1 ? 4 : count) * length * headSize
}

/// Softmax, in place: x[t] becomes exp(x[t] - max x) / sum of these. Shape: m, not empty.
///
/// Order (llama2.c `softmax`): the maximum is the first greatest; exponentials are summed in ascending order and each
/// is then divided by the sum.
package func softmax<Scalar: Real>(_ x: inout MutableSpan<Scalar>) {
  precondition(x.count > 0)
  let largest = firstGreatest(x.span)
  var sum: Scalar = 0
  for t in 0..<x.count {
    x[t] = Scalar.exponential(x[t] - largest)
    sum += x[t]
  }
  for t in 0..<x.count { x[t] /= sum }
}

/// The greatest element, as a loop finds it that starts from the first and takes what is greater: a NaN at the start
/// stays, others are passed over.
///
/// Kernel: four running maxima, each started from the first element. Which of equal elements is found makes no
/// difference: only zeros have two forms, and x - 0 is x - (-0) up to the sign of a zero, whose exponential is 1.
private func firstGreatest<Scalar: Real>(_ x: Span<Scalar>) -> Scalar {
  var largest: (Scalar, Scalar, Scalar, Scalar) = (x[0], x[0], x[0], x[0])
  var t = 0
  while t + 4 <= x.count {
    if x[t] > largest.0 { largest.0 = x[t] }
    if x[t + 1] > largest.1 { largest.1 = x[t + 1] }
    if x[t + 2] > largest.2 { largest.2 = x[t + 2] }
    if x[t + 3] > largest.3 { largest.3 = x[t + 3] }
    t += 4
  }
  while t < x.count {
    if x[t] > largest.0 { largest.0 = x[t] }
    t += 1
  }
  if largest.1 > largest.0 { largest.0 = largest.1 }
  if largest.3 > largest.2 { largest.2 = largest.3 }
  return largest.2 > largest.0 ? largest.2 : largest.0
}

/// Weighted sums of values of all heads of a block: output[p][h][i] = sum over t up to the position of p of
/// att[p][h][t] * v[t][kv head of h][i]. Shapes: output block x dim, values of the layer positions x kv_dim.
///
/// Order (llama2.c): from 0, positions ascending.
///
/// Kernel: threads take different heads.
func weightedSums<Scalar: Real>(
  _ output: inout Matrix<Scalar>, _ att: AttentionBuffer<Scalar>, _ cache: PositionCache<Scalar>, layer: Int,
  _ positions: Range<Int>, _ sizes: Configuration, _ team: ThreadTeam
) {
  let (headSize, length, count) = (sizes.headSize, positions.lowerBound + 1, positions.count)
  let values = cache.layer(layer)
  precondition(values.rows >= positions.upperBound && output.rows >= count && output.columns == sizes.dim)
  precondition(values.columns == sizes.keyValueDim && att.headCount == sizes.headCount)
  precondition(att.length(blockRow: 0) == length, "a position attends to itself and all before it")
  let kernels = Scalar.vectorProducts
  values.elements.withUnsafeBufferPointer { values in
    guard let values = values.baseAddress else { return }
    att.withUnsafeRows(count) { att, stride in
      output.withUnsafeMutableElements { output in
        team.share(sizes.headCount, costPerItem: attentionCost(count, positions.upperBound, headSize)) { heads in
          for head in heads {
            kernels.causalSums(
              team.unit, output + sizes.columns(ofHead: head).lowerBound, sizes.dim, att + head * length, stride + head,
              values + sizes.keyValueColumns(ofHead: head).lowerBound, sizes.keyValueDim, headSize,
              positions.lowerBound, count)
          }
        }
      }
    }
  }
}
