import Model
import TraceFormat

extension Catalogue {
  /// Mistakes in the weighted sum of values.
  static let attention: [Cause] = [
    Cause(
      "attention.last-weight", "att[pos] stands where att[t] is meant", formula: "sum over t of att[pos] * v[t]",
      at: [.weightedSum]
    ) { context in
      let length = context.position + 1
      var weights = context.inputs[0]
      for head in 0..<context.sizes.headCount {
        for t in 0..<length {
          weights.values[head * length + t] = context.inputs[0].values[head * length + length - 1]
          if !weights.isExact {
            weights.errors[head * length + t] = context.inputs[0].error(head * length + length - 1)
          }
        }
      }
      return attend(context, weights: weights)
    },
    Cause(
      "attention.not-cleared", "the output is not cleared: the sum is added onto what the buffer held",
      at: [.weightedSum]
    ) { context in leftovers(context) },
    Cause("attention.keys-for-values", "keys are summed instead of values", at: [.weightedSum]) { context in
      rows(context, .keyRotation).map { attend(context, values: $0) }
    },
    Cause("attention.too-few", "positions are left out of the sum", at: [.weightedSum]) { _ in
      [
        Hypothesis("the last one") { context in attend(context, weights: zeroed(context, at: context.position)) },
        Hypothesis("the first one") { context in attend(context, weights: zeroed(context, at: 0)) },
      ]
    },
    Cause("rope.on-values", "the cached values are rotated as keys are", at: [.weightedSum]) { context in
      let rotated = context.cache.enumerated().map { t, row in
        Replay.rotate(row, position: t, context.replay.rotation)
      }
      return attend(context, values: rotated)
    },
    Cause("attention.raw-scores", "scores are used instead of attention weights", at: [.weightedSum]) { context in
      context.recorded(.attentionScores, layer: context.layer, position: context.position)
        .map { attend(context, weights: $0) }
    },
  ]

  static func attend(
    _ context: CauseContext, weights: Estimate? = nil, values: [Estimate]? = nil, valueHead: ((Int) -> Int)? = nil
  ) -> Estimate {
    context.replay.weightedSum(
      weights ?? context.inputs[0], values ?? context.cache, valueHead: valueHead ?? context.replay.keyHead)
  }

  /// The attention weights with one position's set to zero.
  private static func zeroed(_ context: CauseContext, at t: Int) -> Estimate {
    var weights = context.inputs[0]
    for head in 0..<context.sizes.headCount { weights.values[head * (context.position + 1) + t] = 0 }
    return weights
  }

  /// One head's weights in every head's place.
  static func shared(_ context: CauseContext, _ head: Int) -> Estimate {
    let length = context.position + 1
    let row = context.inputs[0].slice((head * length)..<((head + 1) * length))
    return Estimate.joined(Array(repeating: row, count: context.sizes.headCount))
  }
}
