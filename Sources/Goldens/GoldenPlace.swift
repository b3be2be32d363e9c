import TraceFormat

/// Where records stand together in a golden: at one position, before the layers, in one layer, or after them.
package struct GoldenPlace: Hashable, Sendable {
  /// The position from 0.
  package let position: Int
  /// The layer from 0; nil outside the layers.
  package let layer: Int?
  /// Before the layers, in one, or after them.
  let scope: Site.Scope

  /// The place of a record.
  init(_ key: RecordKey) {
    (position, layer, scope) = (key.position, key.layer, key.scope)
  }

  /// A place that was read.
  init(position: Int, scope: Site.Scope, layer: Int?) {
    (self.position, self.scope, self.layer) = (position, scope, layer)
  }

  /// As `0 before`, `0 layer 3` or `0 after`.
  var text: String { "\(position) \(scope.rawValue)" + (layer.map { " \($0)" } ?? "") }

  /// Place of the layer in the order of execution.
  private var layerRank: Int { layer ?? (scope == .before ? -1 : Int.max) }
}

extension GoldenPlace: Comparable {
  /// The order of execution.
  package static func < (left: GoldenPlace, right: GoldenPlace) -> Bool {
    (left.position, left.layerRank) < (right.position, right.layerRank)
  }
}

extension RecordKey {
  /// Before the layers, in one, or after them: in the order of execution, whatever the name.
  var scope: Site.Scope {
    if layer != nil { return .layer }
    return name.site?.scope == .before ? .before : .after
  }
}

extension Site.Scope {
  /// Place in the order of execution.
  var rank: Int {
    switch self {
    case .before: 0
    case .layer: 1
    case .after: 2
    }
  }
}
