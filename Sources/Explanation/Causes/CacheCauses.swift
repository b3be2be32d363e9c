import Model
import TraceFormat

// Mistakes in which rows of the cache are read; scores and weighted sums share them.
extension Catalogue {
  /// Other rows than the right ones, named so that one hypothesis serves all records.
  struct RowChoice: Sendable {
    let description: String
    let rows: @Sendable (CauseContext) -> [Estimate]?
  }

  /// A constant distance between the row that is meant and the one that is read.
  struct Shift: Sendable {
    let distance: Int
    /// Whether what lies before the first row reads as the first row; else as zeros, as what lies behind the last always does.
    let repeatsFirst: Bool

    var description: String {
      let edge = distance > 0 ? "" : repeatsFirst ? ", the first staying itself" : ", the first reading zeros"
      return "row t reads position t\(distance > 0 ? "+" : "")\(distance)\(edge)"
    }
  }

  static let shifts = [-1, 1, -2, 2].flatMap { distance in
    distance < 0
      ? [Shift(distance: distance, repeatsFirst: true), Shift(distance: distance, repeatsFirst: false)]
      : [Shift(distance: distance, repeatsFirst: false)]
  }

  private static func zeros(_ context: CauseContext) -> Estimate {
    Estimate([Double](repeating: 0, count: context.sizes.keyValueDim))
  }

  /// The cache's rows, each at a distance.
  static func cacheRows(_ context: CauseContext, _ shift: Shift) -> [Estimate]? {
    let rows = context.cache
    return rows.indices.map { t in
      let place = t + shift.distance
      if place < 0 { return shift.repeatsFirst ? rows[0] : zeros(context) }
      return place < rows.count ? rows[place] : zeros(context)
    }
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
    ]
  }

  /// Rings of a few rows, in which later positions overwrite earlier ones.
  static func wraps(_ context: CauseContext) -> [RowChoice] {
    (1...64).filter { $0 <= context.position }.map { window in
      RowChoice(description: "a ring of \(window) rows, in which later positions overwrote earlier ones") { context in
        let last = context.position
        return (0...last).map { t in
          let slot = t % window
          // The latest position that was written to this slot.
          return context.cache[last - (last - slot) % window]
        }
      }
    }
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
