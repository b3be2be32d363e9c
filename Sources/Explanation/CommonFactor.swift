/// One factor between a record and what it should be.
enum CommonFactor {
  /// The factor that fits some elements best; nil where none is finite.
  static func fitting(_ context: CauseContext, _ indices: some Sequence<Int>) -> Double? {
    var (products, squares) = (0.0, 0.0)
    for i in indices {
      products += context.actual.values[i] * context.expected.values[i]
      squares += context.expected.values[i] * context.expected.values[i]
    }
    let factor = products / squares
    return squares > 0 && factor.isFinite ? factor : nil
  }

  /// Whether a factor turns some of the expected elements into the recorded ones.
  static func reproduces(_ factor: Double, _ context: CauseContext, _ indices: some Sequence<Int>) -> Bool {
    indices.allSatisfy { i in
      let value = factor * context.expected.values[i]
      let error = abs(factor) * context.expected.error(i) * 1.02 + 4 * Rounding.u * abs(value)
      return Judgement.Element(context.actual.values[i], value, error, context.actual.type).passes
    }
  }
}
