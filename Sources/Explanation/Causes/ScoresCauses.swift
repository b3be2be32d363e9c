import Model
import TraceFormat

extension Catalogue {
  /// Mistakes in attention scores.
  static let scores: [Cause] = [
    Cause("scores.unscaled", "the scores are not divided by sqrt(head_size)", formula: "q . k", at: [.scores]) {
      context in
      scores(context, divisor: 1)
    },
    Cause("scores.scaled-by-other", "the scores are scaled by another dimension", at: [.scores]) { context in
      let sizes = context.sizes
      let divisors: [(String, Double)] = [
        ("sqrt(dim)", Double(sizes.dim).squareRoot()), ("head_size", Double(sizes.headSize)),
        ("sqrt(kv_dim)", Double(sizes.keyValueDim).squareRoot()), ("dim", Double(sizes.dim)),
        ("sqrt(n_heads)", Double(sizes.headCount).squareRoot()), ("n_heads", Double(sizes.headCount)),
        ("sqrt(head_size / 2)", (Double(sizes.headSize) / 2).squareRoot()),
        ("sqrt(hidden_dim)", Double(sizes.hiddenDim).squareRoot()),
        ("1 / sqrt(head_size)", 1 / Double(sizes.headSize).squareRoot()),
      ]
      return divisors.filter { $0.1 != Double(sizes.headSize).squareRoot() }.map { name, divisor in
        Hypothesis("divided by \(name)") { scores($0, divisor: divisor) }
      }
    },
    Cause("scores.scaled-twice", "the scores are scaled twice", formula: "q . k / head_size", at: [.scores]) {
      context in
      scores(context, divisor: Double(context.sizes.headSize))
    },
    Cause("scores.before-rope", "tensors from before RoPE are used", at: [.scores]) { _ in
      [
        Hypothesis("keys (k.proj)") { context in
          rows(context, .keyProjection).map { scores(context, keys: $0) }
        },
        Hypothesis("queries (q.proj)") { context in
          context.recorded(.queryProjection, layer: context.layer, position: context.position)
            .map { scores(context, query: $0) }
        },
        Hypothesis("queries and keys") { context in
          guard let keys = rows(context, .keyProjection),
            let query = context.recorded(.queryProjection, layer: context.layer, position: context.position)
          else { return nil }
          return scores(context, query: query, keys: keys)
        },
      ]
    },
    Cause("kv-head.modulo", "query head h reads kv head h mod n_kv_heads", at: [.scores]) { context in
      let count = context.sizes.keyValueHeadCount
      return scores(context, keyHead: { $0 % count })
    },
    Cause(
      "kv-head.query-head", "the cache is read at query head h's offset, past the row's end into the following rows",
      at: [.scores]
    ) { context in readsOn(context).map { scores(context, keys: $0, keyHead: { $0 }) } },
    Cause("kv-head.first", "every query head reads the first kv head", at: [.scores]) { context in
      scores(context, keyHead: { _ in 0 })
    },
    Cause("buffer.one-head", "one head's buffer is shared by all: every row holds one head's values", at: [.scores]) {
      oneHead($0)
    },
    Cause("cache.shifted", "the cache's rows are shifted", at: [.scores]) { _ in
      shifts.map { shift in
        Hypothesis(shift.description) { context in cacheRows(context, shift).map { scores(context, keys: $0) } }
      }
    },
    Cause("cache.stale", "a row of the cache was not written in time", at: [.scores]) { context in
      staleRows(context).map { stale in
        Hypothesis(stale.description) { context in stale.rows(context).map { scores(context, keys: $0) } }
      }
    },
    Cause("cache.wrapped", "the cache wraps around", at: [.scores]) { context in
      wraps(context).map { wrap in
        Hypothesis(wrap.description) { context in wrap.rows(context).map { scores(context, keys: $0) } }
      }
    },
    Cause("cache.other-layer", "another layer's cache", at: [.scores]) { context in
      otherLayerRows(context).map { other in
        Hypothesis(other.description) { context in other.rows(context).map { scores(context, keys: $0) } }
      }
    },
    Cause("scores.mask", "the causal mask is off by one", at: [.scores]) { _ in
      [1, 2].map { count in
        Hypothesis("the last \(count == 1 ? "position is" : "\(count) positions are") masked") { context in
          masked(context, last: count)
        }
      }
    },
  ]

  static func scores(
    _ context: CauseContext, query: Estimate? = nil, keys: [Estimate]? = nil, divisor: Double? = nil,
    keyHead: ((Int) -> Int)? = nil
  ) -> Estimate {
    context.replay.scores(
      query ?? context.inputs[0], keys ?? context.cache,
      divisor: divisor ?? Double(context.sizes.headSize).squareRoot(), keyHead: keyHead ?? context.replay.keyHead)
  }

  /// A site's rows at every position up to this one; nil where one was not recorded.
  static func rows(_ context: CauseContext, _ site: Site, layer: Int? = nil) -> [Estimate]? {
    var result: [Estimate] = []
    for t in 0...context.position {
      guard let row = context.recorded(site, layer: layer ?? context.layer, position: t) else { return nil }
      result.append(row)
    }
    return result
  }

  /// The cached site's rows of another layer. A layer above has not been computed at this position: its row is the cache's zeros.
  static func layerRows(_ context: CauseContext, _ layer: Int) -> [Estimate]? {
    guard let site = cachedSite(context), let own = context.layer else { return nil }
    var result: [Estimate] = []
    for t in 0...context.position {
      if layer > own && t == context.position {
        result.append(Estimate([Double](repeating: 0, count: context.sizes.keyValueDim)))
      } else if let row = context.recorded(site, layer: layer, position: t) {
        result.append(row)
      } else {
        return nil
      }
    }
    return result
  }

  static func cachedSite(_ context: CauseContext) -> Site? {
    for input in context.operation.inputs { if case .cached(let site) = input { return site } }
    return nil
  }

  /// One head's expected row in every head's place. Which head it is: the last that was computed, or the first.
  static func oneHead(_ context: CauseContext) -> Estimate? {
    let heads = context.sizes.headCount
    let length = context.expected.count / heads
    for head in [heads - 1, 0] {
      let row = context.expected.slice((head * length)..<((head + 1) * length))
      let all = Estimate.joined(Array(repeating: row, count: heads))
      if all.admits(context.actual) { return all }
    }
    return nil
  }

  private static func masked(_ context: CauseContext, last count: Int) -> Estimate? {
    let length = context.position + 1
    var result = context.expected
    for head in 0..<context.sizes.headCount {
      // A mask that would cover everything may spare the first position.
      for t in max(0, length - count)..<length {
        let index = head * length + t
        // Minus infinity, or a large negative number that stands for it.
        let found = context.actual.values[index]
        if found > -1e4 && t == 0 && length > 1 { continue }
        result.values[index] = found <= -1e4 ? found : -.infinity
        result.errors[index] = 0
      }
    }
    return result
  }
}
