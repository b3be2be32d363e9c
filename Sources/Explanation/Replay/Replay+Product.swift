extension Replay {
  /// The rounding bound of a matrix product, the same for every row and vector.
  struct ProductBound: Sendable {
    let columns: Int
    /// Of a product of quantized vectors, taken group by group; nil for float sums.
    let groupSize: Int?
    /// Relative error of the sum.
    let gamma: Double
    /// What a product or a sum that is flushed to zero may lose, with the roundings after it.
    private let lost: Double
    /// Relative error of the replay's own sum of dequantized terms.
    private let replay: Double

    /// Of a float sum of n terms: gamma_{n+1} sum abs(w) abs(x) + (1 + gamma_{n+1}) eta (2n + sum abs(w) + sum abs(x)),
    /// and abs(w) times what x carries. Without bound where sum abs(w) abs(x) leaves the range of float32.
    ///
    /// - Parameter roundings: what each term was rounded before its product, as a dequantized weight is.
    init(columns: Int, roundings: Int = 0) {
      self.init(columns: columns, groupSize: nil, gamma: Rounding.gamma(columns + 1 + roundings))
    }

    /// Of a sum over G groups of quantized vectors, given dequantized, for matrices whose rows are filled as `runq`
    /// reads them: gamma_{G+3} sum over groups of abs(sum of the group), and abs(w) times what x carries.
    ///
    /// The integer sums are exact up to 2^24, and rounded once above; where one is exactly 0 the replay, whose float64
    /// sum of the dequantized terms is not, needs a bound of its own: (n + 2) 2^-53 sum abs(w) abs(x). Underflow, where
    /// n of the values count: (1 + gamma_{G+3}) eta (3G + 127 sum abs(w) + 127 sum abs(x) + 127^2 n).
    init(columns: Int, groupSize: Int) {
      self.init(columns: columns, groupSize: groupSize, gamma: Rounding.gamma(columns / groupSize + 3))
    }

    private init(columns: Int, groupSize: Int?, gamma: Double) {
      (self.columns, self.groupSize, self.gamma) = (columns, groupSize, gamma)
      lost = Rounding.eta * (1 + gamma)
      replay = Rounding.replay(columns)
    }

    /// What a weight's magnitude contributes to the bound, for one element of x.
    @inline(__always)
    func slack(_ value: Double, _ error: Double) -> Double {
      groupSize == nil
        ? gamma * (abs(value) + error) + error + lost
        : error * (1 + gamma) + 127 * lost + replay * (abs(value) + error)
    }

    /// The part of the bound that is the same for every row.
    func floor(_ x: Estimate) -> Double {
      var total = 0.0
      for j in 0..<columns { total += abs(x.values[j]) + x.error(j) }
      guard let groupSize else { return lost * (2 * Double(columns) + total) }
      // The last term is for scales that are multiplied with each other first.
      return lost * (3 * Double(columns / groupSize) + 127 * total + 127 * 127 * Double(columns))
    }

    /// Where the magnitudes of the terms sum to more than float32 holds, partial sums may overflow: there is no bound
    /// from here on.
    var limit: Double { gamma * Rounding.greatest }
  }

  /// The product of one row of a matrix with a vector, and its bound: the definition of what `products` computes in
  /// bulk.
  static func product(_ x: Estimate, _ row: [Double], _ rule: ProductBound) -> (value: Double, bound: Double) {
    var (value, bound, sizes) = (0.0, rule.floor(x), 0.0)
    let size = rule.groupSize ?? max(rule.columns, 1)
    for start in stride(from: 0, to: rule.columns, by: size) {
      var sum = 0.0
      for j in start..<min(start + size, rule.columns) {
        sum += x.values[j] * row[j]
        bound += rule.slack(x.values[j], x.error(j)) * abs(row[j])
      }
      value += sum
      sizes += abs(sum)
    }
    if rule.groupSize != nil { bound += sizes * rule.gamma }
    return (value, bound >= rule.limit ? .infinity : bound)
  }

  /// Products of any number of vectors with one matrix, on all processors. A vector that is nil gives nil.
  ///
  /// - Parameters:
  ///   - groupSize: of a product of quantized vectors, taken group by group; nil for float sums.
  ///   - roundings: what each term of a float sum was rounded before.
  static func product(
    _ vectors: [Estimate?], _ weights: WeightSource, groupSize: Int?, roundings: Int = 0
  ) -> [Estimate?] {
    let columns = weights.columns
    let rule =
      groupSize.map { ProductBound(columns: columns, groupSize: $0) }
      ?? ProductBound(columns: columns, roundings: roundings)
    var outputs = EstimateRows()
    products(PackedVectors.all(vectors.compactMap { $0 }, rule), weights, into: &outputs)
    var next = 0
    return vectors.map { vector in
      guard vector != nil else { return nil }
      defer { next += 1 }
      return outputs.estimate(next)
    }
  }

  /// A quantized activation's values times their scales; nothing after the last whole group. Shapes: values n, scales n
  /// / group size.
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
