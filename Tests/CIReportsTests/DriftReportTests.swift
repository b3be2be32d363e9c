import Testing
import TraceFormat

@testable import CIReports

/// What moved, and the drawing.
@Suite struct DriftReportTests {
  private static func history(_ entries: DriftEntry...) throws -> DriftHistory {
    var history = DriftHistory()
    for entry in entries { try history.append(entry, replacing: false) }
    return history
  }

  @Test func moves() throws {
    let entries = [
      try entry("a1", [drift("q.rope", 1e-6), drift("logits", 0), drift("old", 1), drift("same", .nan)]),
      try entry("b2", [drift("q.rope", 3e-6), drift("logits", 0), drift("same", .nan), drift("new", 2)]),
      try entry("c3", [drift("q.rope", 3e-6), drift("logits", .nan), drift("same", .nan), drift("new", 2)]),
    ]
    let moves = DriftMove.all(entries) { _ in true }
    #expect(moves.map(\.commit) == ["c3", "b2", "b2", "b2"])
    #expect(moves.map(\.name) == ["logits", "q.rope", "new", "old"])
    #expect(moves[0].from == 0 && moves[0].to?.isNaN == true && moves[0].factor == nil)
    #expect(moves[1].previous == "a1" && moves[1].factor.map { abs($0 - 3) < 1e-12 } == true)
    #expect(moves[2].from == nil && moves[2].to == 2 && moves[3].from == 1 && moves[3].to == nil)
    #expect(DriftMove.all(entries) { $0 == "new" }.count == 1)
    #expect(DriftMove.all([entries[1], entries[1]]) { _ in true }.isEmpty)
  }

  @Test(
    arguments: [
      (nil, " "), (0, "."), (1e-8, "▁"), (1e-7, "▂"), (1e-5, "▅"), (3e-4, "▆"), (1e-2, "█"), (.nan, "!"),
      (.infinity, "!"),
    ] as [(Double?, Character)])
  func heights(error: Double?, character: Character) {
    let scale = DriftScale([1e-8, 0, .nan, 1e-2, .infinity, 1e-5])
    #expect(scale.range == 1e-8...1e-2)
    #expect(scale.character(error) == character)
  }

  @Test func scalesWithoutAnExtent() {
    #expect(DriftScale([]).range == nil && DriftScale([0, .nan]).character(0) == ".")
    #expect(DriftScale([]).legend == ". identical, ! NaN or infinity, blank not compared")
    let one = DriftScale([2e-6, 2e-6])
    #expect(one.character(2e-6) == "▄" && one.legend.hasPrefix(". identical, ▄ 2e-06, "))
  }

  @Test func theWholeReport() throws {
    let history = try Self.history(
      entry("0123456789abcdef0123456789abcdef01234567", [drift("q.rope", 1e-6), drift("logits", 0, layer: nil)]),
      entry("v2", [drift("q.rope", 1e-6), drift("logits", 1e-4, layer: nil, position: 7)]),
      entry("v3", [drift("q.rope", .nan, layer: 3)], verdict: "diverged"))
    #expect(
      DriftReport(history, path: "numerics.jsonl").text == """
        numerics.jsonl: 3 commits, 0123456789 to v3; the last: diverged

        Largest error per tensor, the oldest commit first
        (error: greatest of abs(actual - expected) / max(abs(expected), rms); ratio: of error to allowance; bound: of
        error to the bound of rounding, where a model was given; both at the last commit)
          . identical, ▁ 1e-06 to █ 0.0001 in equal steps of the logarithm, ! NaN or infinity, blank not compared
          tensor            history        last      ratio      bound    largest
          q.rope            ▁▁!      non-finite        inf          - non-finite
          logits            .█                -          -          -     0.0001

        What moved, the latest commit first: 3 changes
          v3, after v2: 2 tensors
            q.rope            1e-06 -> non-finite, layer 3, position 1
            logits            0.0001 -> not compared
          v2, after 0123456789: 1 tensor
            logits            identical -> 0.0001, position 7

        """)
  }

  @Test func tokensThatPart() throws {
    let first = try entry("a1", [drift("q.rope", 1)], records: 30)
    let second = try entry("b2", [drift("q.rope", 2)], verdict: "diverged", records: 20, tokensPartAt: 5)
    let third = try entry("c3", [drift("q.rope", 2)], verdict: "diverged", records: 21, tokensPartAt: 6)
    let fourth = try entry("d4", [drift("q.rope", 2)], records: 30)
    let history = try Self.history(first, second, third, fourth)
    let lines = DriftReport(history, path: "h").text.split(separator: "\n").map(String.init)
    #expect(
      lines[1]
        == "the tokens part in 2 of 4 commits, last in c3 at position 6; from there on nothing was compared")
    let heading = try #require(lines.firstIndex(of: "What moved, the latest commit first: 1 change"))
    #expect(
      lines[(heading + 1)...].joined(separator: "\n") == """
          d4, after c3: no tensor
            the tokens no longer part, at position 6 before
            note: 30 records compared, 21 before: the errors are not of the same records
          c3, after b2: no tensor
            the tokens part at position 6, at position 5 before
            note: 21 records compared, 20 before: the errors are not of the same records
          b2, after a1: 1 tensor
            the tokens part at position 5, nowhere before
            note: 20 records compared, 30 before: the errors are not of the same records
            q.rope            1 -> 2, 2 times, layer 0, position 1
        """)
    #expect(
      DriftReport.changes(of: fourth, in: history) == """
        moved since c3:
          the tokens no longer part, at position 6 before
          note: 30 records compared, 21 before: the errors are not of the same records

        """)
    let document = DriftDocument(history, path: "h").text
    #expect(document.contains(#""tokens_part_at":null,"commits":[{"#) && document.contains(#""scope_change_count":3}"#))
    #expect(
      document.contains(
        #""scope_changes":[{"commit":"d4","previous":"c3","tokens_part_at":{"from":6,"to":null},"#
          + #""records":{"from":21,"to":30}},"#))
    let parted = DriftDocument(try Self.history(first, second), path: "h").text
    #expect(parted.contains(#""file":"h","tokens_part_at":5,"commits":[{"#))
  }

  @Test func anotherNumberOfRecords() throws {
    let history = try Self.history(
      entry("a1", [drift("q.rope", 1)]), entry("b2", [drift("q.rope", 1)], records: 1),
      entry("c3", [drift("q.rope", 1)], records: 1))
    let text = DriftReport(history, path: "h").text
    #expect(!text.contains("the tokens") && !text.contains("c3, after b2"))
    #expect(
      text.hasSuffix(
        "b2, after a1: no tensor\n    note: 1 record compared, 3 before: the errors are not of the same records\n"))
    let same = try Self.history(entry("a1", [drift("q.rope", 1)]), entry("b2", [drift("q.rope", 1)]))
    #expect(DriftReport(same, path: "h").text.hasSuffix("\nNothing moved.\n"))
  }

  @Test func listsAreCut() throws {
    var history = DriftHistory()
    for number in 0..<150 {
      try history.append(entry("c\(number)", [drift("q.rope", Double(number + 1))]), replacing: false)
    }
    let text = DriftReport(history, path: "h").text
    #expect(text.contains("  the last 60 of 150 commits\n"))
    #expect(text.contains("  ... 129 commits more; --json lists 100 changes\n"))
    #expect(text.contains("c149, after c148: 1 tensor\n") && !text.contains("c129, after c128"))
    let document = DriftDocument(history, path: "h").text
    #expect(document.contains("\"commit_count\":150") && document.contains("\"move_count\":149"))
    #expect(!document.contains("\"commit\":\"c49\"") && document.contains("\"commit\":\"c50\""))
  }

  /// Of the latest commit more is listed than of those before it.
  @Test func theLatestCommitComesWhole() throws {
    let names = (0..<30).map { "t\(10 + $0)" }
    let history = try Self.history(
      entry("a1", names.map { drift($0, 1) }), entry("b2", names.map { drift($0, 2) }),
      entry("c3", names.map { drift($0, $0 == "t15" ? 0.5 : 3) }))
    let lines = DriftReport(history, path: "h").text.split(separator: "\n").map(String.init)
    let latest = try #require(lines.firstIndex(of: "  c3, after b2: 30 tensors, most t15, 0.25 times"))
    #expect(lines[latest + 1].hasPrefix("    t10 ") && lines[latest + 20].hasPrefix("    t29 "))
    #expect(lines[latest + 21] == "    ... 10 more; --only names what to show")
    #expect(lines[latest + 22] == "  b2, after a1: 30 tensors, most t10, 2 times")
    #expect(lines[latest + 25].hasPrefix("    t12 "))
    #expect(lines[latest + 26] == "    ... 27 more; --only names what to show")
  }

  @Test func onlyWhatIsWanted() throws {
    let history = try Self.history(
      entry("a1", [drift("q.rope", 1), drift("logits", 1)]), entry("b2", [drift("q.rope", 2), drift("logits", 3)]))
    let filter = RecordFilter(names: [NamePattern("logits")])
    let text = DriftReport(history, path: "h", filter: filter).text
    #expect(text.contains("logits") && !text.contains("q.rope") && text.contains(": 1 change\n"))
    #expect(!DriftDocument(history, path: "h", filter: filter).text.contains("q.rope"))
  }

  @Test func whatAnEntryMoved() throws {
    let first = try entry("a1", [drift("q.rope", 1)])
    let second = try entry("b2", [drift("q.rope", 2)])
    let third = try entry("c3", [drift("q.rope", 2)])
    let history = try Self.history(first, second, third)
    #expect(DriftReport.changes(of: first, in: history).isEmpty)
    #expect(
      DriftReport.changes(of: second, in: history)
        == "moved since a1:\n  q.rope            1 -> 2, 2 times, layer 0, position 1\n")
    #expect(DriftReport.changes(of: third, in: history) == "nothing moved since b2\n")
  }
}
