/// Which records a user wants: `--only`, `--except`, `--layers` and `--positions`. What is nil is not restricted.
public struct RecordFilter: Hashable, Sendable {
  /// The wanted names; a name that matches any is wanted.
  public var names: [NamePattern]?
  /// Names that are not wanted even so.
  public var excluded: [NamePattern]
  /// The wanted layers. Sites outside the layers are not wanted when this is given.
  public var layers: IndexRange?
  /// The wanted positions.
  public var positions: IndexRange?

  /// A filter; by default everything is wanted.
  public init(
    names: [NamePattern]? = nil, excluded: [NamePattern] = [], layers: IndexRange? = nil, positions: IndexRange? = nil
  ) {
    self.names = names
    self.excluded = excluded
    self.layers = layers
    self.positions = positions
  }

  /// Whether nothing is filtered out.
  public var isEverything: Bool { names == nil && excluded.isEmpty && layers == nil && positions == nil }

  /// Whether a name is wanted.
  public func wants(name: String) -> Bool {
    (names?.contains { $0.matches(name) } ?? true) && !excluded.contains { $0.matches(name) }
  }

  /// Whether a layer is wanted; nil stands for outside the layers.
  public func wants(layer: Int?) -> Bool {
    guard let layers else { return true }
    return layer.map(layers.contains) ?? false
  }

  /// Whether a record is wanted.
  public func wants(_ key: RecordKey) -> Bool {
    wants(name: key.name.text) && wants(layer: key.layer) && (positions?.contains(key.position) ?? true)
  }
}
