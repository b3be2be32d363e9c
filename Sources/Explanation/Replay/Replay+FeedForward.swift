import PlatformLibc

extension Replay {
  /// SwiGLU: y = silu(g) * up with silu(g) = g / (1 + exp(-g)). Shapes: both n.
  ///
  /// Bound, with sigma = 1 / (1 + exp(-g)): ((8 + 2 abs(g)) (1 - sigma) + 8) u abs(y) + eta (2 abs(g up) + 2 abs(up) + 3).
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
      let steps = (8 + 2 * (abs(g) + ge)) * (1 - sigma) + 8
      let lost = Rounding.eta * (2 * abs(g * b) + 2 * abs(b) + 3)
      result.values[i] = y
      result.errors[i] = steps * Rounding.u * (abs(y) + carried) + carried + lost
    }
    return result
  }

  /// Residual: y = x + branch. Shapes: both n.
  ///
  /// Bound: u (abs(y) + abs(branch)) + 3 eta; the second term is for a branch that was added before it was rounded.
  static func residual(_ x: Estimate, _ branch: Estimate) -> Estimate {
    var result = Estimate(zeros: x.count)
    for i in 0..<x.count {
      let y = x.values[i] + branch.values[i]
      let carried = x.error(i) + branch.error(i)
      result.values[i] = y
      result.errors[i] =
        Rounding.u * (abs(y) + carried + abs(branch.values[i])) + carried + 3 * Rounding.eta
    }
    return result
  }
}
