import Foundation

/// The operations as honest programs compute them on a machine. What a program is free to choose is a parameter.
extension Machine {
  /// How RMSNorm's three factors are put together.
  enum NormOrder: CaseIterable { case scaleFirst, weightFirst, weightTimesScale, divideByRoot }

  func rmsNorm(_ x: [Double], _ weight: [Double], epsilon: Double, _ order: NormOrder) -> [Double] {
    let sum = dot(x, x)
    let n = Double(x.count)
    let mean = division == .quotient ? divideExactly(sum, n) : multiply(sum, divideExactly(1, n))
    let square = add(mean, result(epsilon))
    let scale = reciprocalRoot(square)
    return x.indices.map { j in
      switch order {
      case .scaleFirst: multiply(weight[j], multiply(scale, x[j]))
      case .weightFirst: multiply(multiply(weight[j], x[j]), scale)
      case .weightTimesScale: multiply(multiply(weight[j], scale), x[j])
      case .divideByRoot: multiply(weight[j], divide(x[j], root(square)))
      }
    }
  }

  /// Where RoPE's angles come from.
  enum Angles: CaseIterable {
    /// 1 / pow(base, d / n).
    case power
    /// exp(-d / n * log(base)), with d / n multiplied out.
    case exponential
    /// Each frequency the one before times a ratio.
    case repeatedRatio
    /// A table made in float64.
    case table
  }

  func rotate(_ v: [Double], position: Int, headSize n: Int, base: Double, _ angles: Angles) -> [Double] {
    var output = v
    var repeated = 1.0
    let ratio = divideExactly(1, power(base, divideExactly(2, Double(n))))
    for d in stride(from: 0, to: n, by: 2) {
      let frequency: Double
      switch angles {
      case .power: frequency = reciprocal(power(base, divideExactly(Double(d), Double(n))))
      case .exponential:
        let exponent = multiply(Double(d), divideExactly(1, Double(n)))
        frequency = exponential(-multiply(exponent, logarithm(base)))
      case .repeatedRatio: frequency = repeated
      case .table: frequency = pow(base, -Double(d) / Double(n))
      }
      repeated = multiply(repeated, ratio)
      let angle = angles == .table ? Double(position) * frequency : multiply(Double(position), frequency)
      let (c, s) =
        angles == .table
        ? (operand(Double(Float(cos(angle)))), operand(Double(Float(sin(angle))))) : (cosine(angle), sine(angle))
      for start in stride(from: d, to: v.count, by: n) {
        let (a, b) = (v[start], v[start + 1])
        output[start] = multiplyAdd(a, c, multiply(-b, s))
        output[start + 1] = multiplyAdd(a, s, multiply(b, c))
      }
    }
    return output
  }

  /// A scalar division, which compilers do not approximate.
  private func divideExactly(_ a: Double, _ b: Double) -> Double { result(a / b) }

  /// Where scores are scaled.
  enum Scaling: CaseIterable { case after, query, both }

  func scores(_ query: [Double], _ keys: [[Double]], _ scaling: Scaling) -> [Double] {
    let width = root(Double(query.count))
    switch scaling {
    case .after: return keys.map { divide(dot(query, $0), width) }
    case .query:
      let factor = divideExactly(1, width)
      let scaled = query.map { multiply($0, factor) }
      return keys.map { dot(scaled, $0) }
    case .both:
      let factor = divideExactly(1, root(width))
      let scaled = query.map { multiply($0, factor) }
      return keys.map { key in dot(scaled, key.map { multiply($0, factor) }) }
    }
  }

  func softmax(_ s: [Double], subtractsMaximum: Bool) -> [Double] {
    let largest = subtractsMaximum ? s.max() ?? 0 : 0
    let exponentials = s.map { exponential(subtractsMaximum ? subtract($0, largest) : $0) }
    let total = sum(exponentials)
    return exponentials.map { divide($0, total) }
  }

  func weightedSum(_ weights: [Double], _ rows: [[Double]]) -> [Double] {
    (rows.first ?? []).indices.map { i in dot(weights, rows.map { $0[i] }) }
  }

  /// Softmax and weighted sum in one pass over blocks of positions; sums are scaled down whenever the maximum rises.
  func onlineAttention(_ s: [Double], _ rows: [[Double]], block: Int) -> [Double] {
    var (largest, total) = (-Double.infinity, 0.0)
    var sums = (rows.first ?? []).map { _ in 0.0 }
    for start in stride(from: 0, to: s.count, by: block) {
      let range = start..<min(start + block, s.count)
      let next = max(largest, s[range].max() ?? largest)
      if next > largest && start > 0 {
        let factor = exponential(subtract(largest, next))
        total = multiply(total, factor)
        sums = sums.map { multiply($0, factor) }
      }
      largest = next
      for t in range {
        let weight = exponential(subtract(s[t], largest))
        total = add(total, weight)
        for i in sums.indices { sums[i] = multiplyAdd(weight, rows[t][i], sums[i]) }
      }
    }
    return sums.map { divide($0, total) }
  }

  /// How SwiGLU's factors are put together.
  enum GateOrder: CaseIterable { case sigmoid, quotient, productFirst, upFirst }

  func swiglu(_ gate: [Double], _ up: [Double], _ order: GateOrder) -> [Double] {
    zip(gate, up).map { g, b in
      let denominator = add(1, exponential(-g))
      return switch order {
      case .sigmoid: multiply(multiply(g, reciprocal(denominator)), b)
      case .quotient: multiply(divide(g, denominator), b)
      case .productFirst: divide(multiply(g, b), denominator)
      case .upFirst: multiply(g, divide(b, denominator))
      }
    }
  }

  /// How int8 values are rounded from quotients.
  enum Quotients: CaseIterable {
    /// x / scale, halves away from zero.
    case away
    /// x * (1 / scale), halves to even.
    case reciprocalToEven
    /// x * (127 / max), and the integer part of half more.
    case unroundedScale
  }

  func quantize(_ x: [Double], _ quotients: Quotients) -> (values: [Double], scale: Double) {
    let largest = x.reduce(0) { max($0, abs($1)) }
    let scale = divide(largest, 127)
    guard scale > 0 else { return (x.map { _ in 0 }, 0) }
    let factor = quotients == .unroundedScale ? divide(127, largest) : reciprocal(scale)
    let values = x.map { value -> Double in
      switch quotients {
      case .away: divide(value, scale).rounded(.toNearestOrAwayFromZero)
      case .reciprocalToEven: multiply(value, factor).rounded(.toNearestOrEven)
      case .unroundedScale:
        (add(abs(multiply(value, factor)), 0.5)).rounded(.down) * (value < 0 ? -1 : 1)
      }
    }
    return (values.map { min(127, max(-128, $0)) }, scale)
  }

  /// A product of int8 vectors, group by group.
  ///
  /// - Parameter multipliesScalesFirst: the integer sum times the product of both scales.
  func groupedDot(
    _ w: [Double], _ weightScales: [Double], _ x: [Double], _ scales: [Double], multipliesScalesFirst: Bool
  ) -> Double {
    let size = x.count / scales.count
    let terms = scales.indices.map { group in
      let range = (group * size)..<((group + 1) * size)
      let integer = result(range.reduce(0) { $0 + w[$1] * x[$1] })
      return multipliesScalesFirst
        ? multiply(integer, multiply(weightScales[group], scales[group]))
        : multiply(multiply(integer, weightScales[group]), scales[group])
    }
    return sum(terms)
  }
}
