extension Replay {
  /// Matrix products of up to eight vectors with the same matrix, one vector per SIMD lane, so that each weight is read and
  /// converted once.
  struct ProductBatch: Sendable {
    static let capacity = 8
    typealias Lanes = SIMD8<Double>

    private let columns: Int
    private var x: [Lanes]
    /// What each weight's magnitude contributes to the bound.
    private var slack: [Lanes]
    /// The part of the bound that is the same for every row.
    private var floor = Lanes(repeating: 0)
    private let groupSize: Int?
    private let gamma: Double

    /// A batch of float vectors.
    ///
    /// Bound, n terms: gamma_{n+1} sum abs(w) abs(x) + (1 + gamma_{n+1}) eta (2n + sum abs(w) + sum abs(x)), and abs(w) times
    /// what x carries. Without bound where sum abs(w) abs(x) leaves the range of float32.
    ///
    /// - Parameter roundings: what each term was rounded before its product, as a dequantized weight is.
    init(_ vectors: [Estimate], roundings: Int = 0) {
      columns = vectors.first?.count ?? 0
      groupSize = nil
      gamma = Rounding.gamma(columns + 1 + roundings)
      x = [Lanes](repeating: Lanes(repeating: 0), count: columns)
      slack = x
      let lost = Rounding.eta * (1 + gamma)
      for (lane, vector) in vectors.enumerated() {
        var total = 0.0
        for j in 0..<columns {
          let (value, error) = (vector.values[j], vector.error(j))
          x[j][lane] = value
          slack[j][lane] = gamma * (abs(value) + error) + error + lost
          total += abs(value) + error
        }
        floor[lane] = lost * (2 * Double(columns) + total)
      }
    }

    /// A batch of quantized vectors, given dequantized, for matrices whose rows are filled as `runq` reads them.
    ///
    /// Bound, G groups: gamma_{G+3} sum over groups of abs(sum of the group), and abs(w) times what x carries. The integer
    /// sums are exact up to 2^24, and rounded once above; where one is exactly 0 the replay, whose float64 sum of the dequantized
    /// terms is not, needs a bound of its own: (n + 2) 2^-53 sum abs(w) abs(x). Underflow, where n of the values count:
    /// (1 + gamma_{G+3}) eta (3G + 127 sum abs(w) + 127 sum abs(x) + 127^2 n).
    init(quantized vectors: [Estimate], groupSize: Int) {
      columns = vectors.first?.count ?? 0
      self.groupSize = groupSize
      gamma = Rounding.gamma(columns / groupSize + 3)
      let lost = Rounding.eta * (1 + gamma)
      x = [Lanes](repeating: Lanes(repeating: 0), count: columns)
      slack = x
      for (lane, vector) in vectors.enumerated() {
        var total = 0.0
        for j in 0..<columns {
          let (value, error) = (vector.values[j], vector.error(j))
          x[j][lane] = value
          slack[j][lane] = error * (1 + gamma) + 127 * lost + Rounding.replay(columns) * (abs(value) + error)
          total += abs(value) + error
        }
        // The last term is for scales that are multiplied with each other first.
        floor[lane] = lost * (3 * Double(columns / groupSize) + 127 * total + 127 * 127 * Double(columns))
      }
    }

    /// The products of a range of rows: values and bounds, one lane per vector.
    func product(_ weights: WeightSource, rows: Range<Int>) -> [(value: Lanes, bound: Lanes)] {
      var result: [(value: Lanes, bound: Lanes)] = []
      result.reserveCapacity(rows.count)
      var buffer = [Double](repeating: 0, count: columns)
      for row in rows {
        weights.fill(row, &buffer)
        result.append(groupSize == nil ? dot(buffer) : groupedDot(buffer))
      }
      return result
    }

    private func dot(_ row: [Double]) -> (value: Lanes, bound: Lanes) {
      var value = Lanes(repeating: 0)
      var bound = floor
      for j in 0..<columns {
        let w = row[j]
        value += x[j] * w
        bound += slack[j] * abs(w)
      }
      return (value, unboundedOutOfRange(bound))
    }

    private func groupedDot(_ row: [Double]) -> (value: Lanes, bound: Lanes) {
      var (value, bound, sizes) = (Lanes(repeating: 0), floor, Lanes(repeating: 0))
      let size = groupSize ?? columns
      for start in stride(from: 0, to: columns, by: size) {
        var sum = Lanes(repeating: 0)
        for j in start..<min(start + size, columns) {
          let w = row[j]
          sum += x[j] * w
          bound += slack[j] * abs(w)
        }
        value += sum
        sizes += sum.replacing(with: -sum, where: sum .< 0)
      }
      return (value, unboundedOutOfRange(bound + sizes * gamma))
    }

    /// The bound, or none where the magnitudes of the terms sum to more than float32 holds: partial sums may overflow.
    private func unboundedOutOfRange(_ bound: Lanes) -> Lanes {
      bound.replacing(with: .infinity, where: bound .>= gamma * Rounding.greatest)
    }
  }

  /// Products of any number of vectors with one matrix, on all processors. A vector that is nil gives nil.
  ///
  /// - Parameters:
  ///   - groupSize: of a product of quantized vectors, taken group by group; nil for float sums.
  ///   - roundings: what each term of a float sum was rounded before.
  static func product(
    _ vectors: [Estimate?], _ weights: WeightSource, groupSize: Int?, roundings: Int = 0
  ) -> [Estimate?] {
    var results = [Estimate?](repeating: nil, count: vectors.count)
    let known = vectors.indices.filter { vectors[$0] != nil }
    for start in stride(from: 0, to: known.count, by: ProductBatch.capacity) {
      let places = known[start..<min(start + ProductBatch.capacity, known.count)]
      let inputs = places.compactMap { vectors[$0] }
      let batch =
        groupSize.map { ProductBatch(quantized: inputs, groupSize: $0) }
        ?? ProductBatch(inputs, roundings: roundings)
      let parts = max(1, min(64, weights.rows * weights.columns / 16384))
      let outputs = concurrentMap(parts) { part in
        batch.product(weights, rows: (weights.rows * part / parts)..<(weights.rows * (part + 1) / parts))
      }
      for (lane, place) in places.enumerated() {
        var estimate = Estimate(zeros: weights.rows)
        var row = 0
        for output in outputs {
          for (value, bound) in output {
            estimate.values[row] = value[lane]
            estimate.errors[row] = bound[lane]
            row += 1
          }
        }
        results[place] = estimate
      }
    }
    return results
  }

  /// A quantized activation's values times their scales; nothing after the last whole group. Shapes: values n, scales n / group
  /// size.
  static func dequantized(_ values: Estimate, scales: Estimate, groupSize: Int) -> Estimate {
    var result = Estimate(zeros: values.count)
    for j in 0..<min(values.count, scales.count * groupSize) {
      let (q, s) = (values.values[j], scales.values[j / groupSize])
      let (qe, se) = (values.error(j), scales.error(j / groupSize))
      result.values[j] = q * s
      result.errors[j] = abs(q) * se + qe * (abs(s) + se)
    }
    if values.isExact && scales.isExact { result.errors = [] }
    return result
  }
}
