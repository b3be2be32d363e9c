import Foundation
import TestSupport
import Testing
import TraceFormat

/// `tracediff history`, as its users run it.
@Suite struct HistoryTests {
  let fixture: TracediffFixture

  init() throws { fixture = try TracediffFixture() }

  private func append(_ commit: String, _ actual: String, _ more: String...) throws -> BuiltProgram.Outcome {
    try fixture.run(["history", "append", "h.jsonl", "--commit", commit, "a.trace", actual] + more)
  }

  private func lines() throws -> [Substring] {
    String(decoding: try fixture.folder.read("h.jsonl"), as: UTF8.self).split(separator: "\n")
  }

  @Test func appendAndShow() throws {
    let first = try append("a1", "a.trace")
    #expect(first.status == 0 && first.errors.isEmpty)
    #expect(first.output == "h.jsonl: commit a1, 1 commit in all; identical: all 111 records have equal bytes\n")
    let second = try append("b2", "b.trace")
    #expect(second.status == 0)
    #expect(second.output.hasPrefix("h.jsonl: commit b2, 2 commits in all; diverged: q.rope, layer 0, position 1 "))
    #expect(second.output.hasSuffix("moved since a1:\n  q.rope            identical -> 0.25, layer 0, position 1\n"))
    #expect(try append("c3", "near.trace").status == 0)
    #expect(try lines().count == 3)

    let shown = try fixture.run("history", "show", "h.jsonl", "--only", "q.rope")
    #expect(shown.status == 0 && shown.errors.isEmpty)
    #expect(shown.output.hasPrefix("h.jsonl: 3 commits, a1 to c3; the last: within_tolerance\n"))
    #expect(shown.output.contains("\n  q.rope            .█▁"))
    #expect(shown.output.contains("What moved, the latest commit first: 2 changes\n  c3, after b2: 1 tensor\n"))

    let json = try fixture.run("history", "show", "h.jsonl", "--json", "-")
    let object = try JSONSerialization.jsonObject(with: Data(json.standardOutput)) as? [String: Any]
    #expect(object?["commit_count"] as? Int == 3 && object?["move_count"] as? Int == 2)
  }

  @Test func aCommitTwice() throws {
    #expect(try append("a1", "a.trace").status == 0)
    #expect(try append("b2", "a.trace").status == 0)
    let before = try fixture.folder.read("h.jsonl")
    let again = try append("a1", "b.trace")
    #expect(again.status == 2 && again.output.isEmpty)
    #expect(
      again.errors == "tracediff: h.jsonl: commit 'a1' has a line already, 1; --replace puts the new one in its place\n"
    )
    #expect(try fixture.folder.read("h.jsonl") == before)
    #expect(try append("a1", "b.trace", "--replace").status == 0)
    let lines = try lines()
    #expect(
      lines.count == 2 && lines[0].contains("\"commit\":\"a1\",\"verdict\":\"diverged\"") && lines[1].contains("b2"))
  }

  @Test func aDamagedLine() throws {
    #expect(try append("a1", "a.trace").status == 0)
    let damaged = try fixture.folder.read("h.jsonl") + Array("<<<<<<< HEAD\n".utf8)
    try fixture.folder.write(damaged, as: "h.jsonl")
    for outcome in [try append("b2", "a.trace"), try fixture.run("history", "show", "h.jsonl")] {
      #expect(outcome.status == 2)
      #expect(outcome.errors == "tracediff: h.jsonl: line 2, column 1: expected a JSON value, found '<<<<<<< HEAD'\n")
    }
    #expect(try fixture.folder.read("h.jsonl") == damaged)
    try fixture.folder.write([], as: "empty.jsonl")
    #expect(
      try fixture.run("history", "show", "empty.jsonl").errors
        == "tracediff: empty.jsonl: the history holds no commit\n")
    #expect(try fixture.run("history", "show", "missing.jsonl").status == 2)
  }

  /// What cannot be compared as a whole adds nothing.
  @Test(arguments: ["short.trace", "cut.trace.partial", "missing.trace"])
  func nothingIsAdded(actual: String) throws {
    let outcome = try append("a1", actual)
    #expect(outcome.status == 2 && outcome.output.isEmpty && outcome.errors.split(separator: "\n").count == 1)
    #expect(!FileManager.default.fileExists(atPath: fixture.folder.path("h.jsonl")))
  }

  @Test func optionsOfTheComparison() throws {
    #expect(try append("a1", "short.trace", "--common", "--only", "q", "--rtol", "1").status == 0)
    let line = try #require(try lines().first)
    #expect(line.contains("\"tolerance\":\"rtol 1, atol 1e-30\"") && line.contains("\"records\":8,"))
    #expect(try append("b2", "a.trace", "--only", "nothing").status == 2)
    #expect(try append("b2", "a.trace", "--exact", "--rtol", "1").status == 2)
  }

  @Test(arguments: [
    (["history"], "'history' needs 'append' or 'show'; see tracediff history --help"),
    (["history", "draw"], "'history' needs 'append' or 'show', not 'draw'; see tracediff history --help"),
    (["history", "show", "-"], "'-': a history is a file, not a pipe: write it to a file first"),
    (["history", "show", "a.trace"], "a.trace: not a drift history but a trace"),
    (
      ["history", "append", "far.trace", "--commit", "a1", "a.trace", "b.trace"],
      "far.trace: not a drift history but a trace"
    ),
    (["history", "show"], "one history is needed, not 0; see tracediff history show --help"),
    (
      ["history", "append", "h.jsonl", "a.trace", "b.trace"],
      "the commit is needed: --commit ID; see tracediff history append --help"
    ),
    (
      ["history", "append", "h.jsonl", "--commit", "a1", "a.trace"],
      "a history and two traces are needed, FILE, EXPECTED and ACTUAL, not 2; see tracediff history append --help"
    ),
    (["history", "append", "-", "--commit", "a1", "a.trace", "a.trace"], "a history is a file, not standard output"),
    (
      ["history", "append", "a.trace", "--commit", "a1", "a.trace", "b.trace"],
      "the output 'a.trace' would overwrite the input 'a.trace'"
    ),
    (
      ["history", "append", "h.jsonl", "--commit", "a 1", "a.trace", "b.trace"],
      "h.jsonl: a commit's name has 1 to 200 bytes and no blanks or control characters, not 'a 1'"
    ),
  ])
  func usage(arguments: [String], message: String) throws {
    let outcome = try fixture.run(arguments)
    #expect(outcome.status == 2 && outcome.errors == "tracediff: \(message)\n")
  }

  @Test func help() throws {
    for (command, words) in [([], "append FILE"), (["append"], "--commit ID"), (["show"], "--only SITES")] {
      let outcome = try fixture.run(["history"] + command + ["--help"])
      #expect(outcome.status == 0 && outcome.output.contains(words))
      #expect(outcome.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
      #expect(try fixture.run(["history"] + command + ["--version"]).output.hasPrefix("tracediff "))
    }
  }

  @Test func theBoundOfRounding() throws {
    let own = try TracediffExplainTests.Fixture()
    func append(_ commit: String, _ trace: String, _ model: String) throws -> BuiltProgram.Outcome {
      try BuiltProgram.run(
        "tracediff",
        ["history", "append", "h.jsonl", "--commit", commit, "honest.trace", trace, "--model", model],
        cwd: own.folder.url)
    }
    #expect(try append("a1", "honest.trace", "model.bin").status == 0)
    #expect(try append("b2", "residual.trace", "model.bin").status == 0)
    let other = try append("c3", "honest.trace", "other.bin")
    #expect(other.status == 2 && other.errors.contains("another checkpoint"))
    let lines = String(decoding: try own.folder.read("h.jsonl"), as: UTF8.self).split(separator: "\n")
    #expect(lines.count == 2)
    func bound(_ line: Substring, _ site: String) throws -> Double? {
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      let sites = object?["sites"] as? [[String: Any]]
      return sites?.first { $0["site"] as? String == site }?["bound_ratio"] as? Double
    }
    let honest = try #require(try bound(lines[0], "x.attn_residual"))
    let faulty = try #require(try bound(lines[1], "x.attn_residual"))
    #expect(honest <= 1 && faulty > 1)
  }
}
