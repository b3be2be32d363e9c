import PlatformLibc
import Model
import TraceFormat

/// A number format of fewer bits than float32.
enum LowPrecision: String, CaseIterable, Sendable {
  case bfloat16
  case float16
  case tensorFloat32 = "TF32"

  /// Bits of the significand, the leading one included.
  private var bits: Int {
    switch self {
    case .bfloat16: 8
    case .float16, .tensorFloat32: 11
    }
  }

  /// The distance of neighbouring numbers at a magnitude.
  func step(_ magnitude: Double) -> Double {
    let least = self == .float16 ? -14 : -126
    let exponent = magnitude > 0 && magnitude.isFinite ? max(Int(magnitude.exponent), least) : least
    return scalbn(1, exponent + 1 - bits)
  }

  /// The nearest number of the format, ties to even.
  func rounded(_ value: Double) -> Double {
    guard value.isFinite else { return value }
    let step = step(abs(value))
    let result = (value / step).rounded(.toNearestOrEven) * step
    return self == .float16 && abs(result) > 65504 ? .infinity * (value < 0 ? -1 : 1) : result
  }

  func rounded(_ x: Estimate) -> Estimate {
    guard x.isExact else {
      return Estimate(
        x.values, errors: x.values.indices.map { x.errors[$0] + step(abs(x.values[$0]) + x.errors[$0]) / 2 })
    }
    return Estimate(x.values.map(rounded))
  }

  /// Whether every element is a number of the format.
  func holds(_ tensor: RecordedTensor) -> Bool { tensor.values.allSatisfy { rounded($0) == $0 } }
}

/// An explanation of a record by arithmetic of fewer bits, which is neither float32 rounding nor a mistake in the formula.
struct PrecisionHypothesis: Sendable {
  /// As `bfloat16`; nil where no format is concerned.
  let format: String?
  /// What is computed in fewer bits, as `weights`.
  let part: String
  let reproduces: @Sendable (CauseContext) -> Bool

  /// What could be rounded: each alone, and together where libraries do so.
  static func all(_ context: CauseContext) -> [PrecisionHypothesis] {
    var result: [PrecisionHypothesis] = []
    let hasWeights = context.operation.weight != nil && context.operation.kind != .embedding
    for format in LowPrecision.allCases {
      func add(_ name: String, inputs: Bool = false, weights: Bool = false, cache: Bool = false, output: Bool = false) {
        let parts = Parts(format: format, inputs: inputs, weights: weights, cache: cache, output: output)
        result.append(PrecisionHypothesis(format: format.rawValue, part: name) { parts.reproduce($0) })
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
          factor($0, 0..<$0.expected.count)
        })
    }
    if context.operation.kind == .softmax {
      result.append(
        PrecisionHypothesis(format: nil, part: "an approximate reciprocal of the sum") { context in
          let length = context.expected.count / context.sizes.headCount
          return (0..<context.sizes.headCount).allSatisfy { factor(context, ($0 * length)..<(($0 + 1) * length)) }
        })
    }
    return result
  }

  /// What the hypotheses that reproduce every record say together: the first part, and each format that fits it; numbers of the
  /// normal range cannot tell float16 from TF32.
  static func name(_ survivors: [PrecisionHypothesis], factorBits: Double) -> String? {
    guard let first = survivors.first else { return nil }
    guard first.format != nil else { return "\(first.part) of about \(Int(factorBits)) bits" }
    let formats = survivors.filter { $0.part == first.part }.compactMap(\.format)
    return "\(formats.joined(separator: " or ")) \(first.part)"
  }

  /// Which parts of an operation are rounded to a format.
  private struct Parts: Sendable {
    let format: LowPrecision
    let inputs: Bool
    let weights: Bool
    let cache: Bool
    let output: Bool

    func reproduce(_ context: CauseContext) -> Bool {
      if output && !format.holds(context.actual) { return false }
      guard var estimate = compute(context) else { return false }
      if output {
        if estimate.isExact { estimate.errors = [Double](repeating: 0, count: estimate.count) }
        for i in 0..<estimate.count {
          estimate.errors[i] += format.step(abs(estimate.values[i]) + estimate.errors[i]) / 2
        }
      }
      return estimate.admits(context.actual)
    }

    private func compute(_ context: CauseContext) -> Estimate? {
      let replay = context.replay
      let operation = context.operation
      if operation.kind == .product, let name = operation.weight {
        var x = replay.activation(context.inputs)
        if inputs { x = format.rounded(x) }
        let source = replay.matrix(name, layer: context.layer ?? 0)
        guard weights else { return Catalogue.fullProduct(context, source, x) }
        let format = format
        let rounded = WeightSource(rows: source.rows, columns: source.columns) { row, buffer in
          source.fill(row, &buffer)
          for j in buffer.indices { buffer[j] = format.rounded(buffer[j]) }
        }
        return Catalogue.fullProduct(context, rounded, x)
      }
      let values = inputs ? context.inputs.map(format.rounded) : context.inputs
      let rows = cache ? context.cache.map(format.rounded) : context.cache
      if operation.kind == .rmsNorm, weights, let name = operation.weight {
        let weight = replay.weights.vector(name, layer: context.layer ?? 0).map(format.rounded)
        return Replay.rmsNorm(values[0], weight: weight, replay.norm)
      }
      return replay.replay(operation, layer: context.layer, position: context.position, values, cache: rows)
    }
  }

  /// Whether one factor near 1 turns the expected elements of a range into the recorded ones.
  private static func factor(_ context: CauseContext, _ range: Range<Int>) -> Bool {
    guard let factor = commonFactor(context, range) else { return false }
    return range.allSatisfy { i in
      let error = context.expected.error(i) * 1.02 + Rounding.u * abs(context.expected.values[i])
      return Judgement.Element(
        context.actual.values[i], context.expected.values[i] * factor, error, context.actual.type
      ).passes
    }
  }

  /// The factor that fits best; nil where it is not near 1.
  static func commonFactor(_ context: CauseContext, _ range: Range<Int>) -> Double? {
    var (products, squares) = (0.0, 0.0)
    for i in range {
      products += context.actual.values[i] * context.expected.values[i]
      squares += context.expected.values[i] * context.expected.values[i]
    }
    let factor = products / squares
    return factor.isFinite && abs(factor - 1) < 0x1p-7 ? factor : nil
  }
}

extension Catalogue {
  /// A product, wherever its rows come from, without a first look at a few of them.
  static func fullProduct(_ context: CauseContext, _ weights: WeightSource, _ x: Estimate) -> Estimate? {
    Replay.product([x], weights, groupSize: context.replay.productGroupSize)[0]
  }
}
