import Model
import TraceFormat

extension Fault {
  /// A weighted sum with other weights than the attention's.
  private static func reweighted(
    _ id: String, _ cause: String, when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true },
    _ change: @escaping @Sendable (_ weights: [Float], _ length: Int, _ sizes: Configuration) -> [Float]
  ) -> Fault {
    Fault(id, cause: cause, at: [.attention], when: condition) { step, s, model in
      let sizes = model.configuration
      let cached = CacheRows(s.valueCache, layer: step.layer, position: step.position, sizes)
      let weights = change(s[.attentionWeights], step.position + 1, sizes)
      s[.attention] = weightedSums(weights, cached, sizes)
    }
  }

  /// Mistakes in the weighted sum of values.
  static let attentions: [Fault] =
    [
      // xb still holds the norm that the projections were made of.
      Fault("attention-not-cleared", cause: "attention.not-cleared", at: [.attention]) { step, s, model in
        let sizes = model.configuration
        let cached = CacheRows(s.valueCache, layer: step.layer, position: step.position, sizes)
        s[.attention] = weightedSums(s[.attentionWeights], cached, sizes, onto: s[.attention])
      },
      reweighted("attention-last-weight-for-all", "attention.last-weight") { weights, length, _ in
        eachHead(weights, headSize: length) { head in head.map { _ in head[length - 1] } }
      },
      Fault("attention-keys-for-values", cause: "attention.keys-for-values", at: [.attention]) { step, s, model in
        let sizes = model.configuration
        let cached = CacheRows(s.keyCache, layer: step.layer, position: step.position, sizes)
        s[.attention] = weightedSums(s[.attentionWeights], cached, sizes)
      },
      reweighted("attention-last-position-left-out", "attention.too-few") { weights, length, _ in
        eachHead(weights, headSize: length) { $0.dropLast() + [0] }
      },
      reweighted("attention-buffer-of-one-head", "buffer.one-head", when: { $0.sizes.headCount > 1 }) {
        weights, _, sizes in lastHeadForAll(weights, sizes)
      },
      // Softmax went into another buffer than the one that is read.
      Fault(
        "attention-raw-scores", cause: "attention.raw-scores", at: [.attention], remembering: [.attentionScores]
      ) { step, s, model in
        let sizes = model.configuration
        let cached = CacheRows(s.valueCache, layer: step.layer, position: step.position, sizes)
        let scores = step.recall(.attentionScores, position: step.position) ?? s[.attentionWeights]
        s[.attention] = weightedSums(scores, cached, sizes)
      },
      Fault("attention-last-element-kept", cause: "attention.stale", at: [.attention], remembering: [.attention]) {
        step, s, model in
        step.proceed(&s, model)
        guard let previous = step.recall(.attention, position: step.position - 1) else { return }
        s[.attention] = s[.attention].dropLast() + previous.suffix(1)
      },
    ]
    + CacheMistake.allCases.map { mistake in
      Fault("attention-\(mistake.rawValue)", cause: mistake.cause, at: [.attention], when: mistake.applies) {
        step, s, model in
        let sizes = model.configuration
        let cached = mistake.read(s.valueCache, layer: step.layer, position: step.position, sizes)
        s[.attention] = weightedSums(s[.attentionWeights], cached, sizes)
      }
    }
}

/// The sums of values, weighted by each head's weights, from 0 or onto what is there.
func weightedSums(
  _ weights: [Float], _ cached: CacheRows, _ sizes: Configuration, onto initial: [Float]? = nil
) -> [Float] {
  var output = initial ?? Array(repeating: 0, count: sizes.dim)
  let length = weights.count / sizes.headCount
  for head in 0..<sizes.headCount {
    for t in 0..<length {
      let start = cached.start(head, t)
      for i in 0..<sizes.headSize {
        output[head * sizes.headSize + i] += weights[head * length + t] * cached.elements[start + i]
      }
    }
  }
  return output
}
