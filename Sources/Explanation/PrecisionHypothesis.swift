import Model
import TraceFormat

/// An explanation of a record by arithmetic of fewer bits, which is neither float32 rounding nor a mistake in the
/// formula.
struct PrecisionHypothesis: Sendable {
  /// As `bfloat16`; nil where no format is concerned.
  let format: String?
  /// What is computed in fewer bits, as `weights`.
  let part: String
  /// Whether a record is reproduced: nil where it is not, else the common factors that turn what is expected into it;
  /// of a format, none.
  let reproduce: @Sendable (CauseContext) -> [Double]?
  /// The common factors of all records so far.
  private(set) var factors: [Double] = []

  /// What could be rounded: each alone, and together where libraries do so.
  static func all(_ context: CauseContext) -> [PrecisionHypothesis] {
    var result: [PrecisionHypothesis] = []
    let hasWeights = context.operation.weight != nil && context.operation.kind != .embedding
    for format in NumberFormat.allCases {
      // What is stored in a format, or in one of fewer bits, is a number of the format however it was computed.
      let canTell = !format.holdsAll(of: context.actual.type)
      func add(_ name: String, inputs: Bool = false, weights: Bool = false, cache: Bool = false, output: Bool = false) {
        guard canTell || !output else { return }
        let parts = Parts(format: format, inputs: inputs, weights: weights, cache: cache, output: output)
        result.append(PrecisionHypothesis(format: format.rawValue, part: name) { parts.reproduces($0) ? [] : nil })
      }
      if hasWeights {
        add("weights", weights: true)
        add("inputs and weights", inputs: true, weights: true)
      }
      if context.operation.kind != .embedding { add("inputs", inputs: true, cache: true) }
      if !context.cache.isEmpty { add("cache", cache: true) }
      add("output", output: true)
      if context.operation.kind != .embedding {
        add("inputs and output", inputs: true, cache: true, output: true)
        if hasWeights { add("weights and output", weights: true, output: true) }
        if hasWeights { add("inputs, weights and output", inputs: true, weights: true, output: true) }
      }
    }
    if context.operation.kind == .rmsNorm {
      result.append(
        PrecisionHypothesis(format: nil, part: "an approximate reciprocal square root") {
          factorNearOne($0, 0..<$0.expected.count).map { [$0] }
        })
    }
    if context.operation.kind == .softmax {
      result.append(
        PrecisionHypothesis(format: nil, part: "an approximate reciprocal of the sum") { context in
          let length = context.expected.count / context.sizes.headCount
          let factors = (0..<context.sizes.headCount).compactMap {
            factorNearOne(context, ($0 * length)..<(($0 + 1) * length))
          }
          return factors.count == context.sizes.headCount ? factors : nil
        })
    }
    return result
  }

  private init(format: String?, part: String, _ reproduce: @escaping @Sendable (CauseContext) -> [Double]?) {
    self.format = format
    self.part = part
    self.reproduce = reproduce
  }

  /// The same with another record's factors.
  func with(_ more: [Double]) -> PrecisionHypothesis {
    var result = self
    // The extremes tell as much as all of them.
    let all = factors + more
    result.factors = [all.min(), all.max()].compactMap { $0 }
    return result
  }

  /// Whether the factors can be those of an approximation: its error differs from value to value. One constant factor
  /// is a mistake in the formula.
  private var isPlausible: Bool {
    guard format == nil, let least = factors.first, let greatest = factors.last else { return true }
    let size = max(abs(least - 1), abs(greatest - 1))
    return size > 0 && greatest - least > max(size / 16, 16 * Rounding.u)
  }

  /// What the hypotheses that reproduce every record say together: the first part, and each format that fits it;
  /// numbers of the normal range cannot tell float16 from TF32.
  ///
  /// - Parameter records: the number of records that they reproduce.
  static func name(_ survivors: [PrecisionHypothesis], records: Int) -> String? {
    let survivors = survivors.filter { $0.isPlausible || records == 1 && $0.factors.first == $0.factors.last }
    guard let first = survivors.first else { return nil }
    guard first.format != nil else {
      let size = first.factors.map { abs($0 - 1) }.max() ?? 0
      return size > 0 ? "\(first.part) of about \(-Int(size.exponent)) bits" : first.part
    }
    let formats = survivors.filter { $0.part == first.part }.compactMap(\.format)
    return "\(formats.joined(separator: " or ")) \(first.part)"
  }

  /// Which parts of an operation are rounded to a format.
  private struct Parts: Sendable {
    let format: NumberFormat
    let inputs: Bool
    let weights: Bool
    let cache: Bool
    let output: Bool

    func reproduces(_ context: CauseContext) -> Bool {
      if output && !format.holds(context.actual) { return false }
      guard var estimate = compute(context), isNarrow(estimate, context.expected) else { return false }
      if output {
        if estimate.isExact { estimate.errors = [Double](repeating: 0, count: estimate.count) }
        for i in 0..<estimate.count {
          estimate.errors[i] += format.step(abs(estimate.values[i]) + estimate.errors[i]) / 2
        }
      }
      return estimate.admits(context.actual)
    }

    /// Whether the bound is about that of float32: fewer bits change values, not how far honest results lie apart.
    private func isNarrow(_ estimate: Estimate, _ expected: Estimate) -> Bool {
      let (own, other) = (estimate.errors.reduce(0, +), expected.errors.reduce(0, +))
      return own <= 2 * other || own == 0
    }

    private func compute(_ context: CauseContext) -> Estimate? {
      let replay = context.replay
      let operation = context.operation
      if operation.kind == .product, let name = operation.weight {
        var x = replay.activation(context.inputs)
        if inputs {
          guard let rounded = format.rounded(x) else { return nil }
          x = rounded
        }
        let source = replay.matrix(name, layer: context.layer ?? 0)
        guard weights else { return Catalogue.fullProduct(context, source, x) }
        let format = format
        let rounded = WeightSource(rows: source.rows, columns: source.columns) { row, buffer in
          source.fill(row, &buffer)
          for j in buffer.indices { buffer[j] = format.rounded(buffer[j]) }
        }
        return Catalogue.fullProduct(context, rounded, x)
      }
      guard let values = inputs ? format.rounded(context.inputs) : context.inputs,
        let rows = cache ? format.rounded(context.cache) : context.cache
      else { return nil }
      if operation.kind == .rmsNorm, weights, let name = operation.weight {
        let weight = replay.weights.vector(name, layer: context.layer ?? 0).map(format.rounded)
        return Replay.rmsNorm(values[0], weight: weight, replay.norm)
      }
      return replay.replay(operation, layer: context.layer, position: context.position, values, cache: rows)
    }
  }

  /// The one factor near 1 that turns the expected elements of a range into the recorded ones; nil where none does.
  private static func factorNearOne(_ context: CauseContext, _ range: Range<Int>) -> Double? {
    guard let factor = CommonFactor.fitting(context, range), abs(factor - 1) <= 0x1p-8,
      CommonFactor.reproduces(factor, context, range)
    else { return nil }
    return factor
  }
}

extension Catalogue {
  /// A product, wherever its rows come from, without a first look at a few of them.
  static func fullProduct(_ context: CauseContext, _ weights: WeightSource, _ x: Estimate) -> Estimate? {
    Replay.product([x], weights, groupSize: context.replay.productGroupSize)[0]
  }
}
