/// The name of a tensor: a site of the table, or any other name that another program recorded.
public enum TensorName: Hashable, Sendable {
  /// A site of the table.
  case site(Site)
  /// A name outside the table.
  case other(String)

  /// The name as it stands in the file.
  public init(_ text: String) {
    if let site = Self.sites[text] { self = .site(site) } else { self = .other(text) }
  }

  /// The name as it stands in the file.
  public var text: String {
    switch self {
    case .site(let site): site.rawValue
    case .other(let text): text
    }
  }

  /// The site, if the name is one of the table.
  public var site: Site? { if case .site(let site) = self { site } else { nil } }

  private static let sites = Dictionary(uniqueKeysWithValues: Site.allCases.map { ($0.rawValue, $0) })

  /// Whether bytes can be a record's name: 1 to 255 printable ASCII characters without `,`, `*`, `?` and `=`.
  package static func isValid(_ bytes: some Collection<UInt8>) -> Bool {
    (1...255).contains(bytes.count)
      && bytes.allSatisfy { (0x21...0x7E).contains($0) && !Self.reserved.contains($0) }
  }

  private static let reserved: Set<UInt8> = Set(",*?=".utf8)
}

extension TensorName: Comparable {
  /// Sites in the order of execution, then other names in the order of their bytes.
  public static func < (left: TensorName, right: TensorName) -> Bool {
    switch (left, right) {
    case (.site(let first), .site(let second)): first.rank < second.rank
    case (.site, .other): true
    case (.other, .site): false
    case (.other(let first), .other(let second)): first.utf8.lexicographicallyPrecedes(second.utf8)
    }
  }
}

/// What a record is about: one tensor at one layer and one position. Keys compare in the order of execution.
public struct RecordKey: Hashable, Sendable {
  /// Which tensor.
  public var name: TensorName
  /// The layer from 0; nil outside the layers.
  public var layer: Int?
  /// The position from 0.
  public var position: Int

  /// A key.
  public init(_ name: TensorName, layer: Int?, position: Int) {
    self.name = name
    self.layer = layer
    self.position = position
  }

  /// The key of a site of the table.
  public init(_ site: Site, layer: Int?, position: Int) {
    self.init(.site(site), layer: layer, position: position)
  }

  /// Place of the layer in the order of execution: before the layers, the layers, after them.
  private var layerRank: Int {
    if let layer { return layer }
    return name.site?.scope == .before ? -1 : Int.max
  }
}

extension RecordKey: Comparable {
  /// Position by position; within one, the order of the site table through the layers; other names come after
  /// the sites of their layer.
  public static func < (left: RecordKey, right: RecordKey) -> Bool {
    if left.position != right.position { return left.position < right.position }
    if left.layerRank != right.layerRank { return left.layerRank < right.layerRank }
    return left.name < right.name
  }
}

extension RecordKey: CustomStringConvertible {
  /// As `q.rope, layer 0, position 7`.
  public var description: String {
    let place = layer.map { ", layer \($0)" } ?? ""
    return "\(name.text)\(place), position \(position)"
  }
}
