/// A pattern for names of arrays: `*` any run of characters, `?` one, `{layer}` and `{position}` decimal numbers,
/// `{site}` a run that is the site; a character behind a backslash stands for itself.
///
/// Where a name can be read in several ways, `*` and `{site}` take as little as they can, numbers as much as they can,
/// from left to right.
package struct ArrayPattern: Equatable, Sendable {
  /// What a pattern catches.
  package struct Captures: Equatable, Sendable {
    /// The number that stood for `{layer}`; `Int.max` where it is too large.
    package var layer: Int?
    /// The number that stood for `{position}`.
    package var position: Int?
    /// The run that stood for `{site}`.
    package var site: String?
  }

  enum Item: Equatable, Sendable {
    case literal(UnicodeScalar)
    case anyOne
    case anyRun
    case layer
    case position
    case site
  }

  /// The pattern as written.
  package let text: String
  let items: [Item]

  /// Reads a pattern.
  ///
  /// - Throws: what is expected in it, as a message.
  init(_ word: MappingLine.Word) throws(PatternError) {
    text = word.text
    items = try Self.items(word.symbols[...])
    for item in [Item.layer, .position, .site] where items.filter({ $0 == item }).count > 1 {
      throw PatternError("each of {layer}, {position} and {site} at most once")
    }
  }

  private static func items(_ symbols: ArraySlice<MappingLine.Symbol>) throws(PatternError) -> [Item] {
    let captures: [(String, Item)] = [("{layer}", .layer), ("{position}", .position), ("{site}", .site)]
    var items: [Item] = []
    var rest = symbols
    while let symbol = rest.first {
      var length = 1
      switch symbol.scalar {
      case "*" where !symbol.isEscaped: items.append(.anyRun)
      case "?" where !symbol.isEscaped: items.append(.anyOne)
      case "{" where !symbol.isEscaped:
        let found = captures.first { word, _ in
          rest.starts(with: word.unicodeScalars) { !$0.isEscaped && $0.scalar == $1 }
        }
        guard let (word, item) = found else { throw PatternError("{layer}, {position} or {site}, or \\{ for a brace") }
        items.append(item)
        length = word.unicodeScalars.count
      default: items.append(.literal(symbol.scalar))
      }
      rest = rest.dropFirst(length)
    }
    return items
  }

  /// Whether it catches something of a kind.
  var catchesLayer: Bool { items.contains(.layer) }
  var catchesPosition: Bool { items.contains(.position) }
  var catchesSite: Bool { items.contains(.site) }
}

/// What was expected in a pattern.
struct PatternError: Error, Equatable {
  let expected: String

  init(_ expected: String) { self.expected = expected }
}
