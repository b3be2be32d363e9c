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
