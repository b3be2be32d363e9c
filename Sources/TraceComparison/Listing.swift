/// A list that keeps its first entries and counts the rest, so that it stays small whatever a trace holds.
public struct Listing<Element: Sendable>: Sendable {
  /// How many entries are kept.
  public static var capacity: Int { 100 }

  /// The first entries.
  public private(set) var entries: [Element] = []
  /// Number of all entries.
  public private(set) var count = 0

  /// An empty list.
  public init() {}

  /// Whether nothing was added.
  public var isEmpty: Bool { count == 0 }

  /// Adds an entry.
  public mutating func append(_ entry: Element) {
    if entries.count < Self.capacity { entries.append(entry) }
    count += 1
  }
}
