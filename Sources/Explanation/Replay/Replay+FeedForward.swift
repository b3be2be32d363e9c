import PlatformLibc

extension Replay {
  /// SwiGLU: y = silu(g) * up with silu(g) = g / (1 + exp(-g)). Shapes: both n.
  ///
  /// Bound, with sigma = 1 / (1 + exp(-g)):
  /// ((8 + 2 abs(g)) (1 - sigma) + 9) u abs(y) + eta (2 abs(g up) + 2 abs(up) + 2 abs(g) + 3).
  static func swiglu(_ gate: Estimate, _ up: Estimate) -> Estimate {
    var result = Estimate(zeros: gate.count)
    for i in 0..<gate.count {
      let (g, b, ge, be) = (gate.values[i], up.values[i], gate.error(i), up.error(i))
      let sigma = 1 / (1 + exp(-g))
      let silu = g * sigma
      let y = silu * b
      // The slope of silu is sigma (1 + g (1 - sigma)), at most 1.1; its curvature is at most 1/2.
      let slope = abs(sigma * (1 + g * (1 - sigma)))
      let siluError = ge == 0 ? 0 : min(1.1 * ge, slope * ge + ge * ge / 4)
      let carried = siluError * (abs(b) + be) + abs(silu) * be
      // 1 - sigma has a slope of at most 1/4.
      let steps = (8 + 2 * (abs(g) + ge)) * min(1, 1 - sigma + ge / 4) + 9
      let (gateSize, upSize) = (abs(g) + ge, abs(b) + be)
      let lost = Rounding.eta * (2 * gateSize * upSize + 2 * upSize + 2 * gateSize + 3)
      result.values[i] = y
      result.errors[i] = steps * Rounding.u * (abs(y) + carried) + carried + lost
    }
    return result
  }

  /// Residual: y = x + branch. Shapes: both n.
  ///
  /// Bound: u (abs(y) + abs(x) + abs(branch)) + 3 eta; beside the addition's own rounding, x and the branch may have
  /// been added before they were rounded to what was recorded, as a program does that computes in float64 and stores
  /// float32. A branch of n terms that was not recorded may have been added term by term: gamma_n abs(x) more.
  ///
  /// - Parameter terms: of a branch that was not recorded, the number of its terms.
  static func residual(_ x: Estimate, _ branch: Estimate, terms: Int = 0) -> Estimate {
    var result = Estimate(zeros: x.count)
    let gamma = Rounding.gamma(terms)
    for i in 0..<x.count {
      let y = x.values[i] + branch.values[i]
      let carried = x.error(i) + branch.error(i)
      result.values[i] = y
      result.errors[i] =
        Rounding.once * (abs(y) + carried + abs(x.values[i]) + abs(branch.values[i])) + carried + 3 * Rounding.eta
        + gamma * (abs(x.values[i]) + x.error(i))
    }
    return result
  }
}
