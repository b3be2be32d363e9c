import PlatformLibc

extension Replay {
  /// Scores of one head: (q . k[t]) / divisor for every row t. Shapes: query n, each row of keys at least `columns`.
  ///
  /// Bound: (gamma_{n+8} sum abs(q) abs(k)) / divisor + (1 + gamma_{n+8}) eta (2n + 2 + 2 sum abs(q) + 2 sum abs(k)).
  /// Without bound where sum abs(q) abs(k) leaves the range of float32.
  ///
  /// - Parameters:
  ///   - queryStart: where the head begins in the query.
  ///   - keyStart: where its key head begins in a row.
  static func scores(
    _ query: Estimate, from queryStart: Int, keys: [Estimate], from keyStart: Int, headSize n: Int, divisor: Double
  ) -> Estimate {
    var result = Estimate(zeros: keys.count)
    // Rows are read in place: a copy of a row would count references that all threads share.
    for t in keys.indices {
      var (sum, products, carried, querySizes, keySizes) = (0.0, 0.0, 0.0, 0.0, 0.0)
      for i in 0..<n {
        let (q, k) = (query.values[queryStart + i], keys[t].values[keyStart + i])
        let (qe, ke) = (query.error(queryStart + i), keys[t].error(keyStart + i))
        sum += q * k
        products += (abs(q) + qe) * (abs(k) + ke)
        carried += abs(q) * ke + abs(k) * qe + qe * ke
        querySizes += abs(q) + qe
        keySizes += abs(k) + ke
      }
      result.values[t] = sum / divisor
      result.errors[t] = scoreBound(n, products, carried, sizes: querySizes + keySizes, divisor: divisor)
    }
    return result
  }

  /// The bound of a score of n terms: of sum abs(q) abs(k), what the inputs carry, and sum abs(q) + sum abs(k).
  static func scoreBound(_ n: Int, _ products: Double, _ carried: Double, sizes: Double, divisor: Double) -> Double {
    let gamma = Rounding.gamma(n + 8)
    guard products < Rounding.greatest else { return .infinity }
    return (gamma * products + carried) / divisor + Rounding.eta * (1 + gamma) * (2 * Double(n) + 2 + 2 * sizes)
  }

  /// Softmax of one head: a[t] = exp(s[t]) / sum of exp(s). Shape: m, not empty.
  ///
  /// Bound, with M = max s and P telling whether exp(M) is a normal float32: (m + 22 + max(3 abs(s - M) + 3 ln m, P: 2
  /// abs(s) + 2 abs(M) + 2 ln m)) u a + eta max(1, P: exp(-M)) (1 + m a) + eta. Without bound where a score is
  /// +infinity. Scores that were not recorded may have been used as they came (online softmax): 18u a for each that may
  /// raise the maximum.
  static func softmax(_ s: Estimate) -> Estimate { softmax(s, heads: 1) }

  /// Softmax of several heads, one after the other. Shape: heads * m, m not 0.
  static func softmax(_ s: Estimate, heads: Int) -> Estimate {
    var result = Estimate(zeros: s.count)
    let m = s.count / heads
    for head in 0..<heads { softmax(s, (head * m)..<((head + 1) * m), &result) }
    return result
  }

  private static func softmax(_ s: Estimate, _ range: Range<Int>, _ result: inout Estimate) {
    let m = range.count
    var largest = range.isEmpty ? 0 : s.values[range.lowerBound]
    for t in range.dropFirst() where s.values[t] > largest { largest = s.values[t] }
    guard largest != .infinity else {
      for t in range { result.errors[t] = .infinity }
      return
    }
    var (sum, widest) = (0.0, 0.0)
    for t in range {
      let exponential = exp(s.values[t] - largest)
      result.values[t] = exponential
      sum += exponential
      widest = max(widest, s.error(t))
    }
    let rescalings = Double(Self.rescalings(s, range))
    // Without the maximum subtracted, exponentials overflow or vanish together outside these limits; that is not
    // honest.
    let isPlain = largest - widest < 88.73 && largest + widest > -87.34
    let underflow = Rounding.eta * (isPlain ? max(1, exp(widest - largest)) : 1)
    let spread = log(Double(m))
    for t in range {
      let a = result.values[t] / sum
      result.values[t] = a
      let error = s.error(t) + widest
      if a == 0 {
        let carried = s.isExact ? 0 : exp(min(0, s.values[t] - largest + error))
        result.errors[t] = 2 * carried + 2 * underflow + Rounding.eta
        continue
      }
      let carried = s.isExact ? 0 : expm1(error)
      let shifted = 3 * (abs(s.values[t] - largest) + error + spread)
      let plain = isPlain ? 2 * (abs(s.values[t]) + abs(largest) + error + spread) : 0
      let steps = (Double(m) + 22 + 18 * rescalings + max(shifted, plain)) * Rounding.u
      let relative = steps < 1 ? steps / (1 - steps) : .infinity
      result.errors[t] =
        a * (relative * (1 + carried) + carried) + underflow * (1 + Double(m) * a) * (1 + relative) + Rounding.eta
    }
  }

  /// How often the maximum of scores that were not recorded may rise while they are taken in ascending order.
  private static func rescalings(_ s: Estimate, _ range: Range<Int>) -> Int {
    guard !s.isExact else { return 0 }
    var (count, least) = (0, -Double.infinity)
    for t in range {
      if t > range.lowerBound && s.values[t] + s.errors[t] > least { count += 1 }
      least = max(least, s.values[t] - s.errors[t])
    }
    return count
  }

  /// Weighted sum of one head's values: y[i] = sum over t of a[t] * v[t][i]. Shapes: weights m, output n.
  ///
  /// Bound: gamma_{m+2} sum a abs(v) + (1 + gamma_{m+2}) eta (2m + 1 + sum abs(v) + sum abs(a)). Without bound where
  /// sum a abs(v) leaves the range of float32.
  static func weightedSum(
    _ weights: Estimate, from weightStart: Int, values rows: [Estimate], from start: Int, headSize n: Int
  ) -> Estimate {
    let m = rows.count
    var result = Estimate(zeros: n)
    var (products, valueSizes, weightSizes) = (result.errors, result.errors, 0.0)
    for t in 0..<m {
      let (a, ae) = (weights.values[weightStart + t], weights.error(weightStart + t))
      weightSizes += abs(a) + ae
      for i in 0..<n {
        let (v, ve) = (rows[t].values[start + i], rows[t].error(start + i))
        result.values[i] += a * v
        products[i] += (abs(a) + ae) * (abs(v) + ve)
        result.errors[i] += abs(a) * ve + abs(v) * ae + ae * ve
        valueSizes[i] += abs(v) + ve
      }
    }
    for i in 0..<n {
      result.errors[i] += weightedSumBound(terms: m, products[i], sizes: valueSizes[i] + weightSizes)
      if result.errors[i] >= Rounding.gamma(m + 2) * Rounding.greatest { result.errors[i] = .infinity }
    }
    return result
  }

  /// What a weighted sum of m terms may lose by rounding: of sum a abs(v), and of sum abs(v) + sum abs(a).
  static func weightedSumBound(terms m: Int, _ products: Double, sizes: Double) -> Double {
    let gamma = Rounding.gamma(m + 2)
    return gamma * products + Rounding.eta * (1 + gamma) * (2 * Double(m) + 1 + sizes)
  }
}
