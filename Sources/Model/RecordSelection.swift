public import TraceFormat

/// Which records of a run a trace is to hold: a user's filter, resolved against the model and the plan.
public struct RecordSelection: Sendable {
  /// The wanted sites, in execution order.
  public let sites: [Site]
  /// The wanted layers.
  public let layers: ClosedRange<Int>
  /// The wanted positions.
  public let positions: ClosedRange<Int>
  private let wanted: Set<Site>

  /// Resolves a filter.
  ///
  /// - Throws: `SelectionError` when a part of the filter selects nothing.
  public init(_ filter: RecordFilter, _ plan: RunPlan, model: borrowing Checkpoint) throws(SelectionError) {
    let available = Site.all(quantized: plan.isQuantized(model))
    for pattern in filter.names ?? [] where !available.contains(where: { pattern.matches($0.rawValue) }) {
      throw .noSuchSite(pattern.text)
    }
    let layerCount = model.configuration.layerCount
    guard let layers = filter.layers.map({ $0.resolved(count: layerCount) }) ?? 0...(layerCount - 1) else {
      throw .noSuchLayer(count: layerCount)
    }
    guard let positions = filter.positions.map({ $0.resolved(count: plan.steps) }) ?? 0...(plan.steps - 1) else {
      throw .noSuchPosition(count: plan.steps)
    }
    sites = available.filter {
      filter.wants(name: $0.rawValue) && (filter.layers == nil || $0.scope == .layer)
    }
    guard !sites.isEmpty else { throw .nothingLeft }
    self.layers = layers
    self.positions = positions
    wanted = Set(sites)
  }

  /// Whether a record is to be held.
  ///
  /// Keys and values of positions before the wanted ones are: attention at the wanted positions reads them.
  public func wants(_ site: Site, layer: Int?, position: Int) -> Bool {
    guard wanted.contains(site), layer.map(layers.contains) ?? true else { return false }
    return positions.contains(position) || (site.isCached && position < positions.lowerBound)
  }
}

/// A part of a filter that selects nothing.
public enum SelectionError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No site of this kind of run matches a pattern.
  case noSuchSite(String)
  /// The range goes beyond the model's layers.
  case noSuchLayer(count: Int)
  /// The range goes beyond the run's positions.
  case noSuchPosition(count: Int)
  /// The parts of the filter exclude each other.
  case nothingLeft

  /// One line in lower case.
  public var description: String {
    switch self {
    case .noSuchSite(let pattern): "--only: no site of this run matches '\(pattern)'; see --list-sites"
    case .noSuchLayer(let count): "--layers: the model has layers 0..\(count - 1) only"
    case .noSuchPosition(let count): "--positions: the run has positions 0..\(count - 1) only"
    case .nothingLeft: "--only and --layers leave nothing to record: these sites are outside the layers"
    }
  }
}
