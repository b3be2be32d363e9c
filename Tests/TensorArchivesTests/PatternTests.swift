@testable import TensorArchives
import TestSupport
import Testing

@Suite struct PatternTests {
  /// A pattern, a name, and what is caught; nil where the name does not fit.
  @Test(
    arguments: [
      ("a", "a", ArrayPattern.Captures()), ("a", "b", nil), ("a", "ab", nil), ("", "", ArrayPattern.Captures()),
      ("*", "", .init()), ("*", "x/y", .init()), ("?", "é", .init()), ("?", "", nil), ("??", "é", nil),
      ("a*c", "abbc", .init()),
      ("a*c*e", "abcde", .init()), ("a*c", "abcd", nil), ("\\*", "*", .init()), ("\\*", "x", nil),
      ("\\{", "{", .init()),
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
    #expect(try ArrayPattern(pattern).match(name) == expected)
  }

  @Test(arguments: [
    ("{head}", "{layer}, {position} or {site}, or \\{ for a brace"),
    ("{", "{layer}, {position} or {site}, or \\{ for a brace"),
    ("\\", "a character after the backslash"),
    ("{layer}{layer}", "each of {layer}, {position} and {site} at most once"),
  ])
  func badPatterns(pattern: String, expected: String) {
    #expect(throws: PatternError(expected)) { try ArrayPattern(pattern) }
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
      let pattern = try ArrayPattern(text)
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
