extension Replay {
  /// Group scales of a quantized activation: max abs(x) / 127 per whole group. Shapes: x n, scales n / group size.
  ///
  /// Bound: 6.5u max abs(x) / 127 + eta; the division may be a multiplication by an approximate reciprocal.
  ///
  /// - Parameter steps: what the greatest magnitude is divided by; 127 in llama2.c.
  static func quantizationScales(_ x: Estimate, groupSize: Int, steps: Double = 127) -> Estimate {
    var result = Estimate(zeros: x.count / groupSize)
    for group in 0..<result.count {
      let range = (group * groupSize)..<((group + 1) * groupSize)
      let largest = range.reduce(0.0) { max($0, abs(x.values[$1])) }
      let error = range.reduce(0.0) { max($0, x.error($1)) }
      result.values[group] = largest / steps
      result.errors[group] = (Rounding.quotient * (largest + error) + error) / steps + Rounding.eta
    }
    return result
  }

  /// int8 values of a quantized activation: x / scale, rounded to an integer. Shapes: x n, scales n / group size.
  ///
  /// The result is exact unless the quotient, known to within 8u (1 + abs(quotient)) and what the inputs carry, may lie
  /// on either side of a rounding boundary; then the bound is half a step more than what the interval spans.
  static func quantizedValues(
    _ x: Estimate, scales: Estimate, groupSize: Int, rounding: (Double) -> Double = { $0.rounded() }
  ) -> Estimate {
    var result = Estimate(zeros: x.count)
    let whole = scales.count * groupSize
    for j in 0..<min(whole, x.count) {
      let (scale, scaleError) = (scales.values[j / groupSize], scales.error(j / groupSize))
      guard scale > 0 else { continue }
      let quotient = x.values[j] / scale
      var slack = 8 * Rounding.u * (1 + abs(quotient)) + x.error(j) / scale
      // A subnormal x may have been taken for zero.
      if abs(x.values[j]) - x.error(j) < Rounding.eta { slack += Rounding.eta / scale }
      if scaleError > 0 {
        slack += scaleError < scale ? abs(quotient) * scaleError / (scale - scaleError) : .infinity
      }
      // A subnormal scale may have been flushed, or hold few bits.
      if scale < Rounding.eta { slack = .infinity }
      let value = clamped(rounding(quotient))
      let low = clamped(rounding(quotient - slack))
      let high = clamped(rounding(quotient + slack))
      let steps = max(high - value, value - low, tieError(quotient, slack, value))
      result.values[j] = value
      // Half a step more admits no other integer, and says how far the next one is from being admitted.
      result.errors[j] = steps > 0 ? steps + 0.5 : 0
    }
    return result
  }

  /// A quotient on a boundary, to within its slack, may be rounded to either neighbour, whatever the rule for ties.
  private static func tieError(_ quotient: Double, _ slack: Double, _ value: Double) -> Double {
    guard slack.isFinite else { return 254 }
    let fraction = abs(quotient - quotient.rounded(.down) - 0.5)
    return fraction <= slack && abs(quotient - value) <= 0.5 + slack && abs(quotient) < 127 ? 1 : 0
  }

  private static func clamped(_ value: Double) -> Double {
    value.isNaN ? 0 : min(127, max(-128, value))
  }
}
