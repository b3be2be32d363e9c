/// A range of layers or positions as a user writes it: `A..B`, `A`, `A..` or `..B`, both ends included.
public struct IndexRange: Hashable, Sendable {
  /// The first index.
  public var first: Int
  /// The last index; nil where the range is open.
  public var last: Int?

  /// Every index.
  package static let all = IndexRange(unchecked: 0, nil)

  private init(unchecked first: Int, _ last: Int?) {
    self.first = first
    self.last = last
  }

  /// A range; nil when it is empty.
  public init?(first: Int = 0, last: Int? = nil) {
    guard first >= 0, last.map({ $0 >= first }) ?? true else { return nil }
    self.first = first
    self.last = last
  }

  /// Reads `A..B`, `A`, `A..` or `..B`; nil when the text is none of these.
  public init?(parsing text: String) {
    func number(_ digits: Substring) -> Int? {
      guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      return Int(digits)
    }
    guard let dots = text.firstRange(of: "..") else {
      guard let index = number(text[...]) else { return nil }
      self.init(first: index, last: index)
      return
    }
    let lower = text[..<dots.lowerBound]
    let upper = text[dots.upperBound...]
    guard !(lower.isEmpty && upper.isEmpty) else { return nil }
    guard let first = lower.isEmpty ? 0 : number(lower) else { return nil }
    if upper.isEmpty {
      self.init(first: first)
    } else {
      guard let last = number(upper) else { return nil }
      self.init(first: first, last: last)
    }
  }

  /// Whether an index lies in the range.
  public func contains(_ index: Int) -> Bool { index >= first && last.map { index <= $0 } ?? true }

  /// The part of the range that lies in `0..<count`; nil when there is none.
  public func clamped(toCount count: Int) -> ClosedRange<Int>? {
    let end = min(last ?? Int.max, count - 1)
    return first <= end ? first...end : nil
  }
}

/// A pattern for names: a site (`q.rope`), a buffer (`q`, all its sites) or a glob (`*.rope`, with `*` and `?`).
public struct NamePattern: Hashable, Sendable {
  /// The pattern as written.
  public let text: String

  /// A pattern.
  public init(_ text: String) { self.text = text }

  /// Reads a comma-separated list; nil when an entry is empty.
  public static func list(parsing text: String) -> [NamePattern]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
    return parts.map { NamePattern(String($0)) }
  }

  /// Whether a name matches.
  public func matches(_ name: String) -> Bool {
    if text.utf8.contains(where: { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }) {
      return Self.glob(Array(text.utf8), matches: Array(name.utf8))
    }
    return name == text || name.split(separator: ".", omittingEmptySubsequences: false).first.map(String.init) == text
  }

  /// Matches by remembering the last `*` and, on a mismatch, letting it take one more character.
  private static func glob(_ pattern: [UInt8], matches name: [UInt8]) -> Bool {
    var (at, place) = (0, 0)
    var lastStar: (at: Int, place: Int)?
    while place < name.count {
      if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
        lastStar = (at, place)
        at += 1
      } else if at < pattern.count, pattern[at] == UInt8(ascii: "?") || pattern[at] == name[place] {
        at += 1
        place += 1
      } else if let star = lastStar {
        lastStar = (star.at, star.place + 1)
        (at, place) = (star.at + 1, star.place + 1)
      } else {
        return false
      }
    }
    return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

/// Which records a user wants: `--only`, `--layers` and `--positions`. What is nil is not restricted.
public struct RecordFilter: Hashable, Sendable {
  /// The wanted names; a name that matches any is wanted.
  public var names: [NamePattern]?
  /// The wanted layers. Sites outside the layers are not wanted when this is given.
  public var layers: IndexRange?
  /// The wanted positions.
  public var positions: IndexRange?

  /// A filter; by default everything is wanted.
  public init(names: [NamePattern]? = nil, layers: IndexRange? = nil, positions: IndexRange? = nil) {
    self.names = names
    self.layers = layers
    self.positions = positions
  }

  /// Whether nothing is filtered out.
  public var isEverything: Bool { names == nil && layers == nil && positions == nil }

  /// Whether a name is wanted.
  public func wants(name: String) -> Bool { names?.contains { $0.matches(name) } ?? true }

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
