import Model
import TraceFormat

extension TraceReplay {
  /// What an operation reads at one position.
  struct Inputs: Sendable {
    var values: [Estimate] = []
    /// The cache that it reads up to its position; nil where it reads none.
    var cache: Step?
    /// Why something is absent; nil where nothing is.
    var missing: String?
    /// Whether all of it is known without error.
    var isExact = true
  }

  /// Where an operation finds its inputs at the positions of a block.
  struct Sources {
    private let operation: SiteOperation
    private var rows: [(site: Site, rows: [Estimate?])] = []
    private var cache: (step: Step, known: Int, exact: Int)?

    init(_ step: Step, _ operation: SiteOperation, _ replay: TraceReplay) {
      self.operation = operation
      for input in operation.inputs {
        let source = input.source(layer: step.layer, layerCount: replay.model.sizes.layerCount)
        if case .cached = input {
          let read = Step(site: source.site, layer: source.layer)
          let rows = replay.caches[read]
          cache = (read, rows?.knownCount ?? 0, rows?.exactCount ?? 0)
        } else {
          rows.append((source.site, replay.current[source.site] ?? []))
        }
      }
    }

    /// The inputs at a position.
    ///
    /// - Parameter place: of the position in the block.
    func inputs(_ position: Int, place: Int, _ model: ReplayModel) -> Inputs {
      var result = Inputs()
      for (site, rows) in rows {
        if place < rows.count, let estimate = rows[place] {
          result.values.append(estimate)
          if !estimate.isExact { result.isExact = false }
        } else {
          result.missing = "\(site.rawValue) is not there and cannot be computed from what is"
        }
      }
      if let cache {
        result.cache = cache.step
        if cache.exact <= position { result.isExact = false }
        if cache.known <= position {
          let site = cache.step.site.rawValue
          result.missing = "\(site) of an earlier position is not there and cannot be computed from what is"
        }
      }
      if operation.kind == .embedding {
        if let token = model.tokens[position] {
          let isKnown = (0..<model.sizes.vocabularySize).contains(token)
          if !isKnown { result.missing = "its token is outside the vocabulary" }
        } else {
          result.missing = "its token is unknown"
        }
      }
      return result
    }
  }
}
