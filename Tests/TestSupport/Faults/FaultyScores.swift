import Model
import TraceFormat

extension Fault {
  /// Mistakes in the scores of queries and keys.
  static let scores: [Fault] = scoreScales + scoreInputs + scoreMasks + scoreCaches

  private static func rescaled(
    _ id: String, _ cause: String, when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true },
    _ scale: @escaping @Sendable (Float, Configuration) -> Float
  ) -> Fault {
    Fault(id, cause: cause, at: [.attentionScores], when: condition) { step, s, model in
      let sizes = model.configuration
      step.proceed(&s, model)
      let keys = CacheRows(s.keyCache, layer: step.layer, position: step.position, sizes)
      s[.attentionScores] = dotProducts(values(s.q.row(0)), keys, step.position, sizes).map { scale($0, sizes) }
    }
  }

  private static let scoreScales: [Fault] = [
    rescaled("scores-unscaled", "scores.unscaled") { sum, _ in sum },
    rescaled("scores-over-sqrt-dim", "scores.scaled-by-other", when: { $0.sizes.headCount > 1 }) { sum, sizes in
      sum / Float(sizes.dim).squareRoot()
    },
    rescaled("scores-over-head-size", "scores.scaled-by-other") { sum, sizes in sum / Float(sizes.headSize) },
    rescaled("scores-over-sqrt-kv-dim", "scores.scaled-by-other", when: { $0.hasGroupedHeads }) { sum, sizes in
      sum / Float(sizes.keyValueDim).squareRoot()
    },
    rescaled("scores-scaled-twice", "scores.scaled-twice") { sum, sizes in
      let root = Float(sizes.headSize).squareRoot()
      return sum / root / root
    },
  ]

  private static let scoreInputs: [Fault] = [
    // Keys enter the cache before they are turned.
    Fault(
      "scores-of-unrotated-keys", cause: "scores.before-rope", at: [.attentionScores], remembering: [.keyProjection]
    ) { step, s, model in
      let sizes = model.configuration
      step.proceed(&s, model)
      var keys = CacheRows(s.keyCache, layer: step.layer, position: step.position, sizes)
      keys.elements = (0...step.position).flatMap { step.recall(.keyProjection, position: $0) ?? [] }
      s[.attentionScores] = scaledScores(values(s.q.row(0)), keys, step.position, sizes)
    },
    Fault(
      "scores-of-unrotated-queries", cause: "scores.before-rope", at: [.attentionScores],
      remembering: [.queryProjection]
    ) { step, s, model in
      let sizes = model.configuration
      step.proceed(&s, model)
      let keys = CacheRows(s.keyCache, layer: step.layer, position: step.position, sizes)
      let query = step.recall(.queryProjection, position: step.position) ?? values(s.q.row(0))
      s[.attentionScores] = scaledScores(query, keys, step.position, sizes)
    },
    // A loop over the elements of a head that ends one early.
    Fault("scores-last-product-dropped", cause: "scores.tail-dropped", at: [.attentionScores]) { step, s, model in
      let sizes = model.configuration
      step.proceed(&s, model)
      let keys = CacheRows(s.keyCache, layer: step.layer, position: step.position, sizes)
      let query = eachHead(values(s.q.row(0)), headSize: sizes.headSize) { $0.dropLast() + [0] }
      s[.attentionScores] = scaledScores(query, keys, step.position, sizes)
    },
    // The thread of the last head is late.
    Fault(
      "scores-last-head-kept", cause: "buffer.stale-head", at: [.attentionScores], remembering: [.attentionScores],
      when: { $0.sizes.headCount > 1 }
    ) { step, s, model in
      step.proceed(&s, model)
      guard let previous = step.recall(.attentionScores, position: step.position - 1) else { return }
      let length = step.position + 1
      s[.attentionScores] = s[.attentionScores].dropLast(length) + previous.suffix(length - 1) + [0]
    },
    Fault(
      "scores-buffer-of-one-head", cause: "buffer.one-head", at: [.attentionScores], when: { $0.sizes.headCount > 1 }
    ) { step, s, model in
      step.proceed(&s, model)
      s[.attentionScores] = lastHeadForAll(s[.attentionScores], model.configuration)
    },
  ]

  private static let scoreMasks: [Fault] = [
    masked("scores-current-position-masked", 1), masked("scores-last-two-positions-masked", 2),
  ]

  /// A causal mask that begins too early. The first position is never masked: nothing would be left.
  private static func masked(_ id: String, _ count: Int) -> Fault {
    Fault(id, cause: "scores.mask", at: [.attentionScores]) { step, s, model in
      step.proceed(&s, model)
      let length = step.position + 1
      let first = max(1, length - count)
      var scores = s[.attentionScores]
      for head in 0..<model.configuration.headCount {
        for t in first..<max(first, length) { scores[head * length + t] = -.infinity }
      }
      s[.attentionScores] = scores
    }
  }

  private static let scoreCaches: [Fault] = CacheMistake.allCases.map { mistake in
    Fault("scores-\(mistake.rawValue)", cause: mistake.cause, at: [.attentionScores], when: mistake.applies) {
      step, s, model in
      let sizes = model.configuration
      step.proceed(&s, model)
      let keys = mistake.read(s.keyCache, layer: step.layer, position: step.position, sizes)
      s[.attentionScores] = scaledScores(values(s.q.row(0)), keys, step.position, sizes)
    }
  }
}

/// The products of each query head with the keys of all positions so far, head by head.
func dotProducts(_ query: [Float], _ keys: CacheRows, _ position: Int, _ sizes: Configuration) -> [Float] {
  (0..<sizes.headCount).flatMap { head in
    (0...position).map { t in
      let start = keys.start(head, t)
      return dot(query[sizes.columns(ofHead: head)], keys.elements[start..<(start + sizes.headSize)])
    }
  }
}

/// The products over sqrt(head_size).
func scaledScores(_ query: [Float], _ keys: CacheRows, _ position: Int, _ sizes: Configuration) -> [Float] {
  let root = Float(sizes.headSize).squareRoot()
  return dotProducts(query, keys, position, sizes).map { $0 / root }
}

/// What all heads find when each has written over the one before.
func lastHeadForAll(_ att: [Float], _ sizes: Configuration) -> [Float] {
  let last = att.suffix(att.count / sizes.headCount)
  return (0..<sizes.headCount).flatMap { _ in last }
}
