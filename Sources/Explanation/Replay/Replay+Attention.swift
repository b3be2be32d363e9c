import PlatformLibc

extension Replay {
  /// Scores of one head: (q . k[t]) / divisor for every row t. Shapes: query n, each row of keys at least `columns`.
  ///
  /// Bound: (gamma_{n+8} sum abs(q) abs(k)) / divisor + eta (2n + 2 + 2 sum abs(q) + 2 sum abs(k)).
  ///
  /// - Parameters:
  ///   - queryStart: where the head begins in the query.
  ///   - keyStart: where its key head begins in a row.
  static func scores(
    _ query: Estimate, from queryStart: Int, keys: [Estimate], from keyStart: Int, headSize n: Int, divisor: Double
  ) -> Estimate {
    var result = Estimate(zeros: keys.count)
    let gamma = Rounding.gamma(n + 8)
    for (t, key) in keys.enumerated() {
      var (sum, products, carried, sizes) = (0.0, 0.0, 0.0, 0.0)
      for i in 0..<n {
        let (q, k) = (query.values[queryStart + i], key.values[keyStart + i])
        let (qe, ke) = (query.error(queryStart + i), key.error(keyStart + i))
        sum += q * k
        products += (abs(q) + qe) * (abs(k) + ke)
        carried += abs(q) * ke + abs(k) * qe + qe * ke
        sizes += abs(q) + abs(k)
      }
      result.values[t] = sum / divisor
      result.errors[t] =
        (gamma * products + carried) / divisor + Rounding.eta * (2 * Double(n) + 2 + 2 * sizes)
    }
    return result
  }

  /// Softmax of one head: a[t] = exp(s[t]) / sum of exp(s). Shape: m, not empty.
  ///
  /// Bound: (m + 21 + 3 ln m + 3 abs(s - max) + 4 max abs(s)) u a + eta max(1, exp(-max)) (1 + m a) + eta.
  static func softmax(_ s: Estimate) -> Estimate {
    let m = s.count
    let largest = s.values.max() ?? 0
    var (sum, magnitude, widest) = (0.0, 0.0, 0.0)
    var result = Estimate(zeros: m)
    for t in 0..<m {
      let exponential = exp(s.values[t] - largest)
      result.values[t] = exponential
      sum += exponential
      if s.values[t].isFinite { magnitude = max(magnitude, abs(s.values[t]) + s.error(t)) }
      widest = max(widest, s.error(t))
    }
    let underflow = Rounding.eta * max(1, exp(-largest))
    for t in 0..<m {
      let a = result.values[t] / sum
      let carried = s.isExact ? 0 : expm1(s.error(t) + widest)
      let distance = a > 0 ? abs(s.values[t] - largest) + s.error(t) : 0
      let steps = Double(m) + 21 + 3 * log(Double(m)) + 3 * distance + 4 * magnitude
      let relative = steps * Rounding.u / max(1 - steps * Rounding.u, 0)
      result.values[t] = a
      result.errors[t] =
        a * (relative * (1 + carried) + carried) + underflow * (1 + Double(m) * a) + Rounding.eta
      if a == 0 { result.errors[t] = underflow + Rounding.eta }
    }
    return result
  }

  /// Weighted sum of one head's values: y[i] = sum over t of a[t] * v[t][i]. Shapes: weights m, output n.
  ///
  /// Bound: gamma_{m+2} sum a abs(v) + eta (2m + 1 + sum abs(v) + sum abs(a)).
  static func weightedSum(
    _ weights: Estimate, from weightStart: Int, values rows: [Estimate], from start: Int, headSize n: Int
  ) -> Estimate {
    let m = rows.count
    var result = Estimate(zeros: n)
    let gamma = Rounding.gamma(m + 2)
    for t in 0..<m {
      let (a, ae) = (weights.values[weightStart + t], weights.error(weightStart + t))
      let row = rows[t]
      for i in 0..<n {
        let (v, ve) = (row.values[start + i], row.error(start + i))
        result.values[i] += a * v
        let product = (abs(a) + ae) * (abs(v) + ve)
        // The carried error is the product of the magnitudes less that of the values alone.
        let carried = abs(a) * ve + abs(v) * ae + ae * ve
        result.errors[i] += gamma * product + carried + Rounding.eta * (2 + abs(v) + abs(a))
      }
    }
    for i in 0..<n { result.errors[i] += Rounding.eta }
    return result
  }
}
