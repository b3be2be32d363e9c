/// Root mean square norm.
///
///     y[i] = weight[i] * x[i] / sqrt(mean of x[j] * x[j] + 1e-5)
///
/// - Parameters:
///   - x: (n)
///   - weight: (n)
public func norm(_ x: [Float], _ weight: [Float]) -> [Float] {
  var squares: Float = 0
  for value in x { squares += value * value }
  let scale = 1 / (squares / Float(x.count) + 1e-5).squareRoot()
  return zip(x, weight).map { value, weight in weight * (scale * value) }
}

/// Product of a matrix and a vector.
///
///     y[i] = sum over j of matrix[i, j] * x[j]
///
/// Four sums run side by side, for columns 0, 4, 8, ..., 1, 5, 9, ... and so on: the goldens were recorded with one
/// sum.
///
/// - Parameters:
///   - matrix: (rows, n), row-major
///   - x: (n)
public func product(_ matrix: [Float], _ x: [Float]) -> [Float] {
  let rows = matrix.count / x.count
  let whole = x.count - x.count % 4
  return (0..<rows).map { row in
    let start = row * x.count
    var sums = SIMD4<Float>()
    for column in stride(from: 0, to: whole, by: 4) {
      for lane in 0..<4 { sums[lane] += matrix[start + column + lane] * x[column + lane] }
    }
    var sum = sums.sum()
    for column in whole..<x.count { sum += matrix[start + column] * x[column] }
    return sum
  }
}

/// The gate of a feed-forward network.
///
///     y[i] = x[i] / (1 + x[i] * x[i])
///
/// - Parameter x: (n)
public func gate(_ x: [Float]) -> [Float] { x.map { $0 / (1 + $0 * $0) } }
