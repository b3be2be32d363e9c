import Model
import TraceFormat

extension Catalogue {
  /// Mistakes in reading the embedding table.
  static let embedding: [Cause] = [
    Cause("embedding.other-token", "the embedding of another token", at: [.embedding]) { context in
      func row(_ name: String, _ token: @escaping @Sendable (CauseContext, Int) -> Int?) -> Hypothesis {
        Hypothesis(name) { context in
          guard let own = context.replay.tokens[context.position], let other = token(context, own), other != own,
            (0..<context.sizes.vocabularySize).contains(other)
          else { return nil }
          return context.replay.embedding(other)
        }
      }
      return [
        row("the next id (token + 1)") { $1 + 1 },
        row("the id before (token - 1)") { $1 - 1 },
        row("the position before's token") { context, _ in context.replay.tokens[context.position - 1] },
        row("the next position's token") { context, _ in context.replay.tokens[context.position + 1] },
        row("the position instead of the token") { context, _ in context.position },
        row("token 0, whatever the token") { _, _ in 0 },
        row("token 1, whatever the token") { _, _ in 1 },
      ]
        + rowsHeld(context).prefix(1).filter { $0 > 1 }.map { found in
          row("token \(found), whatever the token") { _, _ in found }
        }
        + [
          Hypothesis("rows", found: { rowsHeld($0).first.map(String.init) }) { context in
            rowsHeld(context).first.map(context.replay.embedding)
          }
        ]
    },
    Cause("embedding.scaled", "the embedding is multiplied by sqrt(dim)", formula: "sqrt(dim) * row", at: [.embedding])
    {
      context in
      scaled(context.expected, by: Double(context.sizes.dim).squareRoot())
    },
    Cause("embedding.transposed", "the table is read as dim x vocab_size", at: [.embedding]) { context in
      guard let token = context.replay.tokens[context.position] else { return nil }
      let rows = context.sizes.vocabularySize
      let values = (0..<context.sizes.dim).map { context.weights.element(.tokenEmbedding, 0, $0 * rows + token) }
      return Estimate(values, errors: values.map { 3 * Rounding.u * abs($0) })
    },
    Cause("embedding.classifier", "the row is taken from the classifier", at: [.embedding]) { context in
      guard let token = context.replay.tokens[context.position], !context.sizes.sharesClassifier else { return nil }
      let columns = context.sizes.dim
      let values = (0..<columns).map { context.weights.element(.classifier, 0, token * columns + $0) }
      return Estimate(values, errors: values.map { Rounding.u * abs($0) })
    },
  ]

  /// Other rows of the table that a record may hold; the first is enough.
  private static func rowsHeld(_ context: CauseContext) -> [Int] {
    let own = context.replay.tokens[context.position]
    let (first, type) = (context.actual.values[0], context.actual.type)
    return (0..<context.sizes.vocabularySize).first { row in
      // One element tells most rows apart.
      let value = context.weights.element(.tokenEmbedding, 0, row * context.sizes.dim)
      return row != own && Judgement.Element(first, value, 4 * Rounding.u * abs(value) + 1e-30, type).passes
        && context.replay.embedding(row).admits(context.actual)
    }.map { [$0] } ?? []
  }

  /// Mistakes in quantizing activations.
  static let quantization: [Cause] = [
    Cause("quantize.truncated", "the quotient is truncated instead of rounded", at: [.quantizedValues]) { context in
      rounded(context) { $0.rounded(.towardZero) }
    },
    Cause("quantize.floor", "the quotient is rounded down instead of to the nearest", at: [.quantizedValues]) {
      context in
      rounded(context) { $0.rounded(.down) }
    },
    Cause("quantize.scale-128", "the scale is max / 128 instead of max / 127", at: [.quantizedScales]) { context in
      Replay.quantizationScales(context.inputs[0], groupSize: context.replay.groupSize, steps: 128)
    },
    Cause("quantize.one-scale", "one scale of the whole tensor stands in every group", at: [.quantizedScales]) {
      context in
      let own = Replay.quantizationScales(context.inputs[0], groupSize: context.replay.groupSize)
      guard let greatest = own.values.indices.max(by: { own.values[$0] < own.values[$1] }) else { return nil }
      return Estimate(
        own.values.map { _ in own.values[greatest] }, errors: own.values.map { _ in own.errors[greatest] })
    },
    Cause("quantize.other-range", "the scale is for another number of steps", at: [.quantizedScales]) { _ in
      [255.0, 127.5, 7, 1].map { steps in
        Hypothesis("max / \(steps)") { context in
          Replay.quantizationScales(context.inputs[0], groupSize: context.replay.groupSize, steps: steps)
        }
      }
    },
    Cause("quantize.one-scale", "one scale of the whole tensor is used for every group", at: [.quantizedValues]) {
      context in
      guard let greatest = context.inputs[1].values.max() else { return nil }
      let scales = Estimate([Double](repeating: greatest, count: context.inputs[1].count))
      return Replay.quantizedValues(context.inputs[0], scales: scales, groupSize: context.replay.groupSize)
    },
  ]

  private static func rounded(_ context: CauseContext, _ rounding: (Double) -> Double) -> Estimate {
    // A quotient within its slack of an integer may be truncated to either side.
    var result = Replay.quantizedValues(
      context.inputs[0], scales: context.inputs[1], groupSize: context.replay.groupSize, rounding: rounding)
    result.errors = result.errors.map { min($0, 1.5) }
    return result
  }
}
