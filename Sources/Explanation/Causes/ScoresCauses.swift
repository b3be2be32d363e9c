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
    Cause("scores.tail-dropped", "the last products of each head are dropped", at: [.scores]) { context in
      let size = context.sizes.headSize
      return (1..<max(size, 1)).prefix(64).map { dropped in
        Hypothesis("the last \(dropped) of \(size)") { context in
          var query = context.inputs[0]
          for i in 0..<query.count where i % size >= size - dropped { query.values[i] = 0 }
          return scores(context, query: query)
        }
      }
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
    Cause("scores.mask", "the causal mask is off by one", at: [.scores]) { _ in
      [1, 2].flatMap { count in
        [false, true].map { sparesFirst in
          let name = count == 1 ? "the last position is masked" : "the last \(count) positions are masked"
          return Hypothesis("\(name)\(sparesFirst ? ", never the first" : "")") { context in
            masked(context, last: count, sparesFirst: sparesFirst)
          }
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

  /// The cached site's rows of another layer. A layer above has not been computed at this position: its row is the
  /// cache's zeros.
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

  private static func masked(_ context: CauseContext, last count: Int, sparesFirst: Bool) -> Estimate? {
    let length = context.position + 1
    var result = context.expected
    for head in 0..<context.sizes.headCount {
      // A mask that would cover everything may spare the first position.
      for t in max(sparesFirst ? 1 : 0, length - count)..<max(sparesFirst ? 1 : 0, length) {
        let index = head * length + t
        // Minus infinity, or a large negative number that stands for it.
        let found = context.actual.values[index]
        result.values[index] = found <= -1e4 ? found : -.infinity
        result.errors[index] = 0
      }
    }
    return result
  }
}
