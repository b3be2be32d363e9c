import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import CIReports

/// Reading and writing a drift history.
@Suite struct DriftHistoryTests {
  private static let line =
    #"{"schema":"tracediff.history/1","commit":"a1","verdict":"identical","tolerance":"t","#
    + #""compared":{"records":1,"elements":8},"tokens_part_at":null,"sites":[{"site":"q.rope","error":1e-7,"#
    + #""ratio":0.5,"ulp":2,"layer":1,"position":0,"bound_ratio":null}]}"#

  private static func history(_ lines: String...) throws -> DriftHistory {
    try DriftHistory(Array(lines.joined(separator: "\n").utf8))
  }

  @Test func aLineIsReadBack() throws {
    let sites = [
      drift("q.rope", 1.25e-7), drift("my \"name\"\u{7}\u{1F600}", .nan), drift("logits", 0, layer: nil, position: nil),
      DriftEntry.SiteDrift(name: "k.rope", error: 2, ratio: .infinity, ulp: .max, boundRatio: 0.25),
    ]
    let written = try entry("3a4b", sites)
    var history = DriftHistory()
    try history.append(written, replacing: false)
    let read = try DriftHistory(history.bytes)
    #expect(read.entries == [written])
    #expect(read.bytes == history.bytes)
  }

  @Test func linesStayAsTheyAre() throws {
    let odd = Self.line.replacing("{\"schema\"", with: " { \"unknown\" : [1, {}], \"schema\"")
    var history = try Self.history(odd, "", "  ")
    try history.append(entry("b2", []), replacing: false)
    let text = String(decoding: history.bytes, as: UTF8.self)
    #expect(text.hasPrefix(odd + "\n{") && text.hasSuffix("}\n"))
  }

  @Test func replacedCommits() throws {
    var history = DriftHistory()
    for commit in ["a1", "b2", "c3"] { try history.append(entry(commit, []), replacing: false) }
    #expect(throws: DriftError.commitIsKnown("b2", line: 2)) {
      try history.append(entry("b2", []), replacing: false)
    }
    #expect(throws: DriftError.commitIsKnown("b2", line: 2)) { try history.requireUnknown("b2", unless: false) }
    let new = try entry("b2", [drift("q.rope", 1)], verdict: "diverged")
    try history.append(new, replacing: true)
    #expect(history.entries.map(\.commit) == ["a1", "b2", "c3"] && history.entries[1] == new)
    #expect(try DriftHistory(history.bytes).entries == history.entries)
    try history.append(entry("d4", []), replacing: true)
    #expect(history.entries.map(\.commit) == ["a1", "b2", "c3", "d4"])
  }

  static let damages: [(String, DriftError)] = [
    ("<<<<<<< HEAD", .notJSON(line: 2, column: 1, expected: "a JSON value", found: "'<<<<<<< HEAD'")),
    ("", .notJSON(line: 2, column: 1, expected: "a JSON value", found: "the end of the text")),
    ("{\"a\":1,\"a\":2}", .notJSON(line: 2, column: 8, expected: "every key once", found: "'a' again")),
    ("{} {}", .notJSON(line: 2, column: 4, expected: "nothing more", found: "'{}'")),
    ("[]", .invalidField(line: 2, field: "the line", expected: "an object", found: "[]")),
    ("{}", .invalidField(line: 2, field: "schema", expected: "a value", found: "no such key")),
    (
      line.replacing("history/1", with: "history/2"),
      .invalidField(
        line: 2, field: "schema", expected: "\"tracediff.history/1\"", found: "\"tracediff.history/2\"")
    ),
    (
      line.replacing("\"a1\"", with: "\"a 1\""),
      .invalidField(line: 2, field: "commit", expected: "1 to 200 bytes without blanks", found: "\"a 1\"")
    ),
    (
      line.replacing("\"records\":1", with: "\"records\":-1"),
      .invalidField(line: 2, field: "compared.records", expected: "an integer of at least 0", found: "-1")
    ),
    (
      line.replacing("1e-7", with: "-1e-7"),
      .invalidField(
        line: 2, field: "sites[0].error", expected: "a number of at least 0, \"inf\" or \"nan\"", found: "-1e-07")
    ),
    (
      line.replacing("1e-7", with: "\"much\""),
      .invalidField(
        line: 2, field: "sites[0].error", expected: "a number of at least 0, \"inf\" or \"nan\"", found: "\"much\"")
    ),
    (
      line.replacing("\"sites\":[", with: "\"sites\":{\"a\":[").replacing("]}", with: "]}}"),
      .invalidField(
        line: 2, field: "sites", expected: "a list",
        found: #"{"a":[{"site":"q.rope","error":1e-07,"ratio":0.5,"ulp":2,..."#)
    ),
    (
      line.replacing("\"position\":0", with: "\"position\":0.5"),
      .invalidField(line: 2, field: "sites[0].position", expected: "an integer of at least 0", found: "0.5")
    ),
    (line.replacing("b2", with: "a1"), .repeatedCommit("a1", line: 2, other: 1)),
  ]

  @Test(arguments: damages)
  func damagedLines(text: String, error: DriftError) {
    let third = Self.line.replacing("\"a1\"", with: "\"c3\"")
    #expect(throws: error) { try Self.history(Self.line, text, third) }
  }

  @Test func aTensorThatStandsTwice() throws {
    let site = try #require(Self.line.split(separator: "[").last?.dropLast(2))
    let text = Self.line.replacing("]}", with: ",\(site)]}").replacing("a1", with: "b2")
    #expect(
      throws: DriftError.invalidField(
        line: 2, field: "sites[1].site", expected: "every tensor once", found: "q.rope again")
    ) { try Self.history(Self.line, text) }
  }

  @Test func bytesThatAreNotUTF8() {
    #expect(throws: DriftError.notJSON(line: 1, column: 3, expected: "UTF-8 in a string", found: "'\\xff'")) {
      try DriftHistory([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D])
    }
  }

  @Test(arguments: ["", "a b", "a\nb", "\u{7}", String(repeating: "x", count: 201)])
  func namesThatAreNoCommit(name: String) {
    #expect(throws: DriftError.invalidCommit(name)) { try entry(name, []) }
  }

  /// Whatever bytes a history is damaged by: an error or a history, never a crash.
  @Test(arguments: 0..<200)
  func anyBytes(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var bytes = Array("\(Self.line)\n\(Self.line.replacing("a1", with: "b2"))\n".utf8)
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
    }
    if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
    do throws(DriftError) {
      let history = try DriftHistory(bytes)
      #expect(history.entries.count <= 2, "seed \(seed)")
    } catch {
      #expect("\(error)".hasPrefix("line "), "seed \(seed)")
    }
  }

  @Test func theEntryOfAComparison() throws {
    let trace = SyntheticTrace(seed: 1)
    var other = trace
    other.change(RecordKey(.queryRotation, layer: 0, position: 2), at: 3) { $0 + 0.001 }
    other.change(RecordKey(.queryRotation, layer: 1, position: 1), at: 3) { $0 + 0.1 }
    other.change(RecordKey(.logits, layer: nil, position: 0), at: 0) { _ in .infinity }
    let verdict = try verdict(trace, other)
    let entry = try DriftEntry(commit: "a1", verdict)
    #expect(entry.verdict == "diverged" && entry.records == 111 && entry.tolerance == "rtol 0.0002, atol 1e-30")
    #expect(entry.sites.count == 20 && entry.sites[0] == drift("x.embed", 0, layer: nil, position: nil).without(ulp: 0))
    let rope = try #require(entry.sites.first { $0.name == "q.rope" })
    #expect(rope.layer == 1 && rope.position == 1 && rope.error > 0.05 && rope.error < 1)
    #expect(rope.ratio == verdict.cases.filter { $0.name.text == "q.rope" }.map(\.numbers.ratio).max())
    let logits = try #require(entry.sites.last)
    #expect(logits.error.isNaN && logits.layer == nil && logits.position == 0 && logits.boundRatio == nil)
  }
}

extension DriftEntry.SiteDrift {
  fileprivate func without(ulp: UInt64) -> Self {
    var copy = self
    copy.ulp = ulp
    return copy
  }
}
