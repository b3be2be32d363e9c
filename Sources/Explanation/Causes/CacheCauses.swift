import Model
import TraceFormat

// Mistakes in which rows of the cache are read; scores and weighted sums share them.
extension Catalogue {
  /// Mistakes in which key or value head a query head reads.
  static let heads: [Cause] = [
    Cause("kv-head.modulo", "query head h reads kv head h mod n_kv_heads", at: [.scores, .weightedSum]) { context in
      let count = context.sizes.keyValueHeadCount
      return withCache(context, head: { $0 % count })
    },
    Cause(
      "kv-head.query-head", "the cache is read at query head h's offset, past the row's end into the following rows",
      at: [.scores, .weightedSum]
    ) { context in readsOn(context).map { withCache(context, $0, head: { $0 }) } },
    Cause("kv-head.first", "every query head reads the first kv head", at: [.scores, .weightedSum]) { context in
      withCache(context, head: { _ in 0 })
    },
    Cause(
      "buffer.one-head", "one head's buffer is shared by all", at: [.scores, .softmax, .weightedSum]
    ) { context in
      let (count, isSum) = (context.sizes.headCount, context.operation.kind == .weightedSum)
      // The likeliest is the last that was computed.
      let heads = count > 1 ? [count - 1, 0] + Array(1..<(count - 1)) : []
      let weights =
        !isSum
        ? []
        : heads.map { head in
          Hypothesis("every head uses head \(head)'s weights") { attend($0, weights: shared($0, head)) }
        }
      return weights
        + heads.map { head in Hypothesis("every head's place holds head \(head)'s values") { oneHead($0, head) } }
    },
  ]

  /// Mistakes in which rows of the cache are read.
  static let cache: [Cause] =
    [
      rowChoices("cache.shifted", "the cache's rows are shifted", shiftedRows),
      rowChoices("cache.stale", "a row of the cache was not written in time", staleRows),
      rowChoices("cache.stride", "the cache's rows are dim apart where they are kv_dim wide, or the reverse", strides),
      rowChoices("cache.wrapped", "the cache wraps around", wraps),
      rowChoices("cache.other-layer", "another layer's cache", otherLayerRows),
    ]

  private static func rowChoices(
    _ id: String, _ title: String, _ choices: @escaping @Sendable (CauseContext) -> [RowChoice]
  ) -> Cause {
    Cause(id, title, at: [.scores, .weightedSum]) { context in
      choices(context).map { choice in
        Hypothesis(choice.description) { context in choice.rows(context).map { withCache(context, $0) } }
      }
    }
  }

  /// Scores or weighted sums with other rows of the cache, or other heads of them.
  private static func withCache(
    _ context: CauseContext, _ rows: [Estimate]? = nil, head: ((Int) -> Int)? = nil
  ) -> Estimate {
    context.operation.kind == .scores
      ? scores(context, keys: rows, keyHead: head) : attend(context, values: rows, valueHead: head)
  }

  /// One head's expected row in every head's place.
  private static func oneHead(_ context: CauseContext, _ head: Int) -> Estimate {
    let heads = context.sizes.headCount
    let length = context.expected.count / heads
    let row = context.expected.slice((head * length)..<((head + 1) * length))
    return Estimate.joined(Array(repeating: row, count: heads))
  }

  /// Other rows than the right ones, named so that one hypothesis serves all records.
  struct RowChoice: Sendable {
    let description: String
    let rows: @Sendable (CauseContext) -> [Estimate]?
  }

  /// Rows at a constant distance from the row that is meant. What lies before the first row reads as the first row or
  /// as zeros; what lies behind the last, as zeros.
  private static func shiftedRows(_ context: CauseContext) -> [RowChoice] {
    [-1, 1, -2, 2, -3, 3, -4, 4].flatMap { distance -> [RowChoice] in
      func choice(_ edge: String, repeatsFirst: Bool) -> RowChoice {
        RowChoice(description: "row t reads position t\(distance > 0 ? "+" : "")\(distance)\(edge)") { context in
          let rows = context.cache
          return rows.indices.map { t in
            let place = t + distance
            if place < 0 { return repeatsFirst ? rows[0] : zeros(context) }
            return place < rows.count ? rows[place] : zeros(context)
          }
        }
      }
      return distance > 0
        ? [choice("", repeatsFirst: false)]
        : [
          choice(", what lies before the first reading the first", repeatsFirst: true),
          choice(", what lies before the first reading zeros", repeatsFirst: false),
        ]
    }
  }

  private static func zeros(_ context: CauseContext) -> Estimate {
    Estimate([Double](repeating: 0, count: context.sizes.keyValueDim))
  }

  /// The rows that are missing when the current position, or some other, was not written before it was read.
  static func staleRows(_ context: CauseContext) -> [RowChoice] {
    [
      RowChoice(description: "the current position's row is still zero") { context in
        Array(context.cache.dropLast()) + [zeros(context)]
      },
      RowChoice(description: "the current position's row is still the position before's") { context in
        let before = context.cache.dropLast().last ?? zeros(context)
        return Array(context.cache.dropLast()) + [before]
      },
      RowChoice(description: "the first position's row is zero") { context in
        [zeros(context)] + Array(context.cache.dropFirst())
      },
      RowChoice(description: "every row is the current position's") { context in
        context.cache.last.map { Array(repeating: $0, count: context.cache.count) }
      },
      RowChoice(description: "every row is position 0's") { context in
        Array(repeating: context.cache[0], count: context.cache.count)
      },
    ] + staleRow(context)
  }

  /// Rings of a few rows, in which later positions overwrite earlier ones.
  static func wraps(_ context: CauseContext) -> [RowChoice] {
    let last = context.position
    @Sendable func row(_ t: Int, _ window: Int, _ last: Int) -> Int { last - (last - t % window) % window }
    guard last > 0 else { return [] }
    return (1...min(512, last)).filter { window in
      mayBe(context) { context.cache[row($0, window, last)] }
    }.map { window in
      RowChoice(description: "a ring of \(window) rows, in which later positions overwrote earlier ones") { context in
        (0...context.position).map { t in context.cache[row(t, window, context.position)] }
      }
    }
  }

  /// Whether a choice of rows can give the record, judged by one element of it.
  private static func mayBe(_ context: CauseContext, _ row: (Int) -> Estimate) -> Bool {
    let size = context.sizes.headSize
    var (sum, products) = (0.0, 0.0)
    if context.operation.kind == .scores {
      for i in 0..<size {
        let product = context.inputs[0].values[i] * row(0).values[i] / Double(size).squareRoot()
        sum += product
        products += abs(product)
      }
    } else {
      for t in 0...context.position {
        let product = context.inputs[0].values[t] * row(t).values[0]
        sum += product
        products += abs(product)
      }
    }
    // Generous: what passes is computed in full.
    return !(abs(context.actual.values[0] - sum) > 1e-3 * products + 8 * context.expected.error(0))
  }

  /// One row of the cache that holds zeros, or what belongs to a neighbour: the positions that the first record shows.
  private static func staleRow(_ context: CauseContext) -> [RowChoice] {
    func choice(_ t: Int, _ description: String, _ row: @escaping @Sendable (CauseContext) -> Estimate?) -> RowChoice {
      RowChoice(description: "position \(t)'s row \(description)") { context in
        guard t <= context.position, let row = row(context) else { return nil }
        var rows = context.cache
        rows[t] = row
        return rows
      }
    }
    return suspects(context).flatMap { t in
      [
        choice(t, "is zero") { zeros($0) },
        choice(t, "is position \(t - 1)'s") { t > 0 ? $0.cache[t - 1] : nil },
        choice(t, "is position \(t + 1)'s") { $0.cache.indices.contains(t + 1) ? $0.cache[t + 1] : nil },
        choice(t, "is the first position's") { t > 0 ? $0.cache[0] : nil },
      ]
    }
  }

  /// Positions whose row alone can be wrong: of scores the one wrong column; of sums those that explain one element.
  private static func suspects(_ context: CauseContext) -> [Int] {
    let length = context.position + 1
    if context.operation.kind == .scores {
      var columns: Set<Int> = []
      for i in 0..<context.expected.count {
        let element = Judgement.Element(
          context.actual.values[i], context.expected.values[i], context.expected.error(i), context.actual.type)
        if !element.passes { columns.insert(i % length) }
      }
      return columns.count == 1 ? Array(columns) : []
    }
    let differences = context.expected.values.indices.map { context.actual.values[$0] - context.expected.values[$0] }
    guard differences.allSatisfy(\.isFinite),
      let place = differences.indices.max(by: { abs(differences[$0]) < abs(differences[$1]) })
    else { return [] }
    let head = place / context.sizes.headSize
    let column = context.replay.keyHead(head) * context.sizes.headSize + place % context.sizes.headSize
    let slack = 1e-3 * abs(differences[place]) + 2 * context.expected.error(place)
    return (0..<length).filter { t in
      let weight = context.inputs[0].values[head * length + t]
      let own = context.cache[t].values[column]
      return [0, t - 1, t + 1, length].contains { other in
        let value = context.cache.indices.contains(other) ? context.cache[other].values[column] : 0
        return abs(weight * (value - own) - differences[place]) <= slack
      }
    }
  }

  /// Rows found at offsets of another stride than they were written with.
  private static func strides(_ context: CauseContext) -> [RowChoice] {
    let (width, other) = (context.sizes.keyValueDim, context.sizes.dim)
    guard width != other else { return [] }
    @Sendable func rows(_ context: CauseContext, written: Int, read: Int) -> [Estimate] {
      var flat = Estimate([Double](repeating: 0, count: max(written, read) * context.cache.count + width))
      if context.cache.contains(where: { !$0.isExact }) { flat.errors = flat.values }
      for (t, row) in context.cache.enumerated() {
        for j in 0..<width {
          flat.values[t * written + j] = row.values[j]
          if !flat.isExact { flat.errors[t * written + j] = row.error(j) }
        }
      }
      return context.cache.indices.map { flat.slice(($0 * read)..<($0 * read + width)) }
    }
    return [
      RowChoice(description: "row t is read from t * dim") { rows($0, written: width, read: other) },
      RowChoice(description: "row t is written to t * dim and read from t * kv_dim") {
        rows($0, written: other, read: width)
      },
    ]
  }

  /// Rows as wide as n_heads heads, read on from each row's begin: what lies behind a row is the next position's.
  static func readsOn(_ context: CauseContext) -> [Estimate]? {
    let sizes = context.sizes
    guard sizes.keyValueHeadCount < sizes.headCount else { return nil }
    let width = sizes.keyValueDim
    let flat = Estimate.joined(context.cache)
    return context.cache.indices.map { t in
      let start = t * width
      let end = min(start + sizes.dim, flat.count)
      let part = flat.slice(start..<end)
      let rest = Estimate([Double](repeating: 0, count: sizes.dim - part.count))
      return Estimate.joined([part, rest])
    }
  }

  /// Other layers' rows: one layer's, or what is left in one cache that all layers share.
  static func otherLayerRows(_ context: CauseContext) -> [RowChoice] {
    let single = otherLayers(context).map { other in
      RowChoice(description: other.description) { context in
        guard let layer = other.layer(context), layer != context.layer else { return nil }
        return layerRows(context, layer)
      }
    }
    let shared = RowChoice(description: "all layers share one cache: earlier positions hold the last layer's rows") {
      context in
      guard let own = context.cache.last,
        let rows = layerRows(context, context.sizes.layerCount - 1)
      else { return nil }
      return Array(rows.dropLast()) + [own]
    }
    return single + [shared]
  }
}
