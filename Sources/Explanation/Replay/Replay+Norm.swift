extension Replay {
  /// How RMSNorm is computed; by default as llama2.c does.
  struct NormRecipe: Sendable {
    /// Added to the mean square.
    var epsilon: Double
    /// Subtract the mean first, as LayerNorm does.
    var subtractsMean = false
    /// Take the sum of squares, not their mean.
    var usesSum = false
    /// Added to the number of terms that the sum of squares is divided by.
    var countOffset = 0
    /// Divide by the mean square, not by its root.
    var omitsRoot = false
    /// Add epsilon to the root instead of under it.
    var addsEpsilonToRoot = false
  }

  /// RMSNorm: y[j] = w[j] * x[j] / sqrt(mean(x^2) + epsilon). Shapes: all n.
  ///
  /// Bound per element, with s = 1 / sqrt(mean(x^2) + epsilon):
  /// (gamma_{n+3}/2 + 9u) abs(y) + eta (2 + abs(w) + abs(x) + s (1 + abs(w) + abs(x))), and what an error of
  /// eta (2n + 6) in mean(x^2) + epsilon makes. Without bound where the sum of squares leaves the range of float32, or
  /// underflows and there is no epsilon.
  static func rmsNorm(_ x: Estimate, weight: [Double], _ recipe: NormRecipe) -> Estimate {
    let n = x.count
    var input = x
    if recipe.subtractsMean {
      let mean = x.values.reduce(0, +) / Double(n)
      for j in 0..<n { input.values[j] -= mean }
    }
    var (squares, spread) = (0.0, 0.0)
    for j in 0..<n {
      let (value, error) = (abs(input.values[j]), input.error(j))
      squares += value * value
      spread += error * (2 * value + error)
    }
    let divisor = recipe.usesSum ? 1 : Double(max(n + recipe.countOffset, 1))
    let variance = squares / divisor + (recipe.addsEpsilonToRoot ? 0 : recipe.epsilon)
    let scale = Self.scale(variance, recipe)
    let uncertainty = spread / divisor + Rounding.eta * Double(2 * n + 6)
    let gamma = Rounding.gamma(n + 3)
    // Where the root is left out, the relative error of the sum counts in full.
    let relative =
      (recipe.omitsRoot ? gamma : gamma / 2) + Rounding.reciprocalRoot
      + 2.5 * Rounding.u + (recipe.subtractsMean ? Rounding.gamma(n) : 0)
    var result = Estimate(zeros: n)
    let leavesRange = (squares + spread) * (1 + gamma) >= Rounding.greatest
    if leavesRange || uncertainty >= variance {
      for j in 0..<n {
        let y = weight[j] * (scale * input.values[j])
        result.values[j] = y.isFinite ? y : 0
        result.errors[j] = .infinity
      }
      return result
    }
    let scaleError = Self.scale(variance - uncertainty, recipe) - scale
    for j in 0..<n {
      let (value, error, w) = (input.values[j], input.error(j), weight[j])
      let y = w * (scale * value)
      var carried = 0.0
      if error > 0 || scaleError > 0 { carried = abs(w) * (scale * error + scaleError * (abs(value) + error)) }
      let lost = Rounding.eta * (2 + abs(w) + abs(value) + scale * (1 + abs(w) + abs(value)))
      result.values[j] = y
      result.errors[j] = relative * (abs(y) + carried) + carried + lost
      if recipe.subtractsMean { result.errors[j] += abs(w) * scale * Rounding.gamma(n) * abs(x.values[j] - value) }
    }
    return result
  }

  private static func scale(_ variance: Double, _ recipe: NormRecipe) -> Double {
    if recipe.omitsRoot { return 1 / variance }
    if recipe.addsEpsilonToRoot { return 1 / (variance.squareRoot() + recipe.epsilon) }
    return 1 / variance.squareRoot()
  }
}
