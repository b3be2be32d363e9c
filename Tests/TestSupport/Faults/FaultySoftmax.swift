import Model
import TraceFormat

extension Fault {
  /// The softmax of one head's scores.
  private typealias Formula = @Sendable (_ scores: [Float]) -> [Float]

  private static func perHead(_ id: String, _ cause: String, _ compute: @escaping Formula) -> Fault {
    Fault(id, cause: cause, at: [.attentionWeights]) { step, s, _ in
      s[.attentionWeights] = eachHead(s[.attentionWeights], headSize: step.position + 1, compute)
    }
  }

  /// Mistakes in the softmax.
  static let softmaxes: [Fault] = [
    // pos for pos + 1.
    perHead("softmax-last-left-raw", "softmax.too-few") { softmaxOf(Array($0.dropLast())) + $0.suffix(1) },
    perHead("softmax-last-left-zero", "softmax.too-few") { softmaxOf(Array($0.dropLast())) + [0] },
    // pos + 2 for pos + 1: the entry behind the last is 0, as it was allocated.
    perHead("softmax-one-too-many", "softmax.too-many") { Array(softmaxOf($0 + [0]).dropLast()) },
    perHead("softmax-exponent-sign", "softmax.sign") { softmaxOf($0.map { -$0 }) },
    perHead("softmax-sharpened", "softmax.temperature") { softmaxOf($0.map { 1.3 * $0 }) },
    // A loop over heads that ends one early.
    Fault(
      "softmax-last-head-left-raw", cause: "buffer.stale-head", at: [.attentionWeights],
      when: { $0.sizes.headCount > 1 }
    ) { step, s, model in
      let raw = s[.attentionWeights]
      step.proceed(&s, model)
      s[.attentionWeights] = s[.attentionWeights].dropLast(step.position + 1) + raw.suffix(step.position + 1)
    },
    perHead("softmax-missing", "softmax.missing") { $0 },
    perHead("softmax-unnormalized", "softmax.unnormalized") { scores in
      let largest = scores.max() ?? 0
      return scores.map { Float.exponential($0 - largest) }
    },
    Fault(
      "softmax-over-heads", cause: "softmax.over-heads", at: [.attentionWeights], when: { $0.sizes.headCount > 1 }
    ) { _, s, _ in s[.attentionWeights] = softmaxOf(s[.attentionWeights]) },
    Fault(
      "softmax-buffer-of-one-head", cause: "buffer.one-head", at: [.attentionWeights],
      when: { $0.sizes.headCount > 1 }
    ) { step, s, model in
      step.proceed(&s, model)
      s[.attentionWeights] = lastHeadForAll(s[.attentionWeights], model.configuration)
    },
  ]
}

/// The softmax as it should be; of nothing, nothing.
func softmaxOf(_ scores: [Float]) -> [Float] {
  guard let largest = scores.max() else { return [] }
  let exponentials = scores.map { Float.exponential($0 - largest) }
  let sum = exponentials.reduce(0, +)
  return exponentials.map { $0 / sum }
}
