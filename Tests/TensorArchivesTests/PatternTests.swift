@testable import TensorArchives
import TestSupport
import Testing
import TraceFormat

@Suite struct PatternTests {
  /// A pattern, a name, and what is caught; nil where the name does not fit.
  @Test(
    arguments: [
      ("a", "a", ArrayPattern.Captures()), ("a", "b", nil), ("a", "ab", nil), ("", "", ArrayPattern.Captures()),
      ("*", "", .init()), ("*", "x/y", .init()), ("?", "é", .init()), ("?", "", nil), ("??", "é", nil),
      ("a*c", "abbc", .init()),
      ("a*c*e", "abcde", .init()), ("a*c", "abcd", nil), ("\\*", "*", .init()), ("\\*", "x", nil),
      ("\\{", "{", .init()), ("\\u{2a}", "*", .init()), ("\\u{2a}", "a", nil), ("\\u{1F600}?", "😀x", .init()),
      ("\\u", "u", .init()), ("\\{layer}", "{layer}", .init()),
      ("h.{layer}.q", "h.12.q", .init(layer: 12)), ("h.{layer}.q", "h..q", nil), ("h.{layer}.q", "h.x.q", nil),
      ("h.{layer}.q", "h.-1.q", nil), ("{layer}", "007", .init(layer: 7)), ("*{layer}", "layer12", .init(layer: 12)),
      ("*{layer}*", "a12b34", .init(layer: 12)), ("{layer}{position}", "123", .init(layer: 12, position: 3)),
      ("{layer}{position}", "1", nil),
      (
        "{site}/layer{layer}/pos{position}", "q.rope/layer1/pos2",
        .init(layer: 1, position: 2, site: "q.rope")
      ), ("{site}_{layer}", "q_proj_3", .init(layer: 3, site: "q_proj")),
      ("{site}{layer}", "q12", .init(layer: 12, site: "q")), ("{site}", "", nil),
      ("{site}.*", "a.b.c", .init(site: "a")),
      ("{layer}", "99999999999999999999999", .init(layer: .max)),
      ("model.layers.{layer}.*q_proj*", "model.layers.3.self_attn.q_proj.out", .init(layer: 3)),
    ] as [(String, String, ArrayPattern.Captures?)])
  func matches(pattern: String, name: String, expected: ArrayPattern.Captures?) throws {
    #expect(try Self.pattern(pattern).match(name) == expected)
  }

  @Test(arguments: [
    ("{head}", "{layer}, {position} or {site}, or \\{ for a brace"),
    ("{", "{layer}, {position} or {site}, or \\{ for a brace"),
    ("a\\u{110000}", "the number of a character behind \\u, as \\u{e9}"),
    ("{layer}{layer}", "each of {layer}, {position} and {site} at most once"),
  ])
  func badPatterns(pattern: String, expected: String) {
    #expect(throws: PatternError(expected)) { try Self.pattern(pattern) }
  }

  /// The pattern that a word of a mapping is.
  private static func pattern(_ text: String) throws -> ArrayPattern {
    try ArrayPattern(MappingLine(Substring("\"" + text + "\"")).words[0])
  }

  /// The line that leaves out one array, as messages suggest it, matches that name and no other.
  @Test func linesThatMessagesSuggest() throws {
    let names = [
      "", "plain", "a b", "*", "a?", "{layer}", "{", "}", "\"", "\\", "a\\*b", "#", "a#b", "->", "a\nb", "a\tb", "\r",
      "\0",
      "\u{7f}", "\u{e9}", "e\u{301}", "\u{200b}", "\u{2028}", "\u{a0}", "\u{e000}", "日本", "😀", "'", "\\u{41}", "u{41}",
      "\\n", "n",
      "x y\"z*\u{1b}[0m", " ", "=", "a=b", "tensor a -> b",
    ]
    for name in names {
      let line = "ignore " + MappingLine.word(matching: name)
      #expect(visibleText(line.utf8) == line, "what is printed is what must be written: \(line)")
      let mapping = try ArrayMapping(Array(line.utf8), file: "map")
      #expect(mapping.statements.count == 1)
      let pattern = try #require(mapping.statements.first).pattern
      let matching = names.filter { pattern.match($0) != nil }
      #expect(matching.map { Array($0.utf8) } == [Array(name.utf8)], "\(line)")
    }
  }

  /// Against a matcher that tries every way, on random patterns and names of few letters.
  @Test func againstEveryWay() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SplitMix(seed: seed)
    let pieces = ["a", "1", "?", "*", "{layer}", "{position}", "{site}"]
    for _ in 0..<3000 {
      var text = ""
      var used: Set<String> = []
      for _ in 0..<Int.random(in: 0...5, using: &random) {
        let piece = pieces[Int.random(in: 0..<pieces.count, using: &random)]
        if piece.hasPrefix("{"), !used.insert(piece).inserted { continue }
        text += piece
      }
      let name = String(
        (0..<Int.random(in: 0...6, using: &random)).map { _ in Bool.random(using: &random) ? "a" : "1" })
      let pattern = try Self.pattern(text)
      let expected = Self.tryAll(pattern.items[...], Array(name.unicodeScalars)[...])
      #expect((pattern.match(name) != nil) == expected, "'\(text)' and '\(name)', seed \(seed)")
    }
  }

  private static func tryAll(_ items: ArraySlice<ArrayPattern.Item>, _ name: ArraySlice<UnicodeScalar>) -> Bool {
    guard let item = items.first else { return name.isEmpty }
    let counts: ClosedRange<Int>
    switch item {
    case .literal, .anyOne: counts = 1...1
    case .anyRun: counts = 0...name.count
    case .layer, .position, .site: counts = 1...max(1, name.count)
    }
    return counts.contains { count in
      guard count <= name.count else { return false }
      let taken = name.prefix(count)
      switch item {
      case .literal(let scalar) where taken.first != scalar: return false
      case .layer, .position: if !taken.allSatisfy({ ("0"..."9").contains($0) }) { return false }
      default: break
      }
      return tryAll(items.dropFirst(), name.dropFirst(count))
    }
  }
}
