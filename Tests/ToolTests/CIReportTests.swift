import Foundation
import TestSupport
import Testing
import TraceFormat

/// `--junit` and `--github`, as a CI system runs them. `Tests/Python/test_ci_reports.py` reads the files with real
/// parsers.
@Suite struct CIReportTests {
  let fixture: TracediffFixture

  init() throws { fixture = try TracediffFixture() }

  /// Runs the program as a step of a GitHub workflow does.
  private func step(_ arguments: String...) throws -> (outcome: BuiltProgram.Outcome, page: String) {
    let page = fixture.folder.path("page.md")
    try? FileManager.default.removeItem(atPath: page)
    let outcome = try BuiltProgram("tracediff").run(
      arguments + ["--github", "--junit", "junit.xml"], cwd: fixture.folder.url,
      environment: ["GITHUB_STEP_SUMMARY": page])
    return (outcome, (try? String(contentsOfFile: page, encoding: .utf8)) ?? "")
  }

  private func junit() throws -> String { String(decoding: try fixture.folder.read("junit.xml"), as: UTF8.self) }

  @Test(
    arguments: [
      ("a.trace", 0, "identical", "failures=\"0\" errors=\"0\" skipped=\"0\""),
      ("near.trace", 0, "within_tolerance", "failures=\"0\" errors=\"0\" skipped=\"0\""),
      ("b.trace", 1, "diverged", "failures=\"1\" errors=\"0\" skipped=\"0\""),
      ("tokens.trace", 1, "diverged", "failures=\"1\" errors=\"0\" skipped=\"0\""),
      ("short.trace", 2, "incomparable", "failures=\"0\" errors=\"37\" skipped=\"0\""),
      ("cut.trace.partial", 2, "incomparable", "failures=\"0\" errors=\"1\" skipped=\"0\""),
      ("missing.trace", 2, "incomparable", "failures=\"0\" errors=\"1\" skipped=\"0\""),
    ] as [(String, Int32, String, String)])
  func everyVerdict(actual: String, status: Int32, verdict: String, counts: String) throws {
    let (outcome, page) = try step("a.trace", actual)
    #expect(outcome.status == status)
    let text = try junit()
    #expect(text.contains("<testsuite name=\"a.trace \(actual)\" ") && text.contains(counts))
    #expect(text.contains("<property name=\"verdict\" value=\"\(verdict)\"/>"))
    let command = status == 0 ? "::notice" : "::error"
    #expect(outcome.output.contains("\n\(command) title=tracediff%3A \(verdict)::") || actual == "missing.trace")
    #expect(outcome.output.contains("\(command) title=tracediff%3A \(verdict)::"))
    #expect(page.hasPrefix("### ") && page.contains("tracediff\\: \(verdict.replacing("_", with: "\\_"))\n"))
    #expect(outcome.errors.isEmpty == (status != 2))
  }

  @Test func theReportIsMereTextForTheRunner() throws {
    let (outcome, page) = try step("a.trace", "b.trace", "--all")
    let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
    let token = try #require(lines.first.map { $0.dropFirst("::stop-commands::".count) })
    #expect(lines[0].hasPrefix("::stop-commands::") && token.count > 8)
    let end = try #require(lines.firstIndex(of: "::\(token)::"))
    #expect(lines[1].hasPrefix("diverged: q.rope, layer 0, position 1 "))
    #expect(lines[..<end].contains { $0.hasPrefix("  q.rope, layer 0, position 1: 1 / 8 beyond") })
    #expect(lines[end + 1].hasPrefix("::error title=tracediff%3A diverged::diverged: q.rope, layer 0, position 1 "))
    #expect(lines[end + 2].hasPrefix("::error title=q.rope%2C layer 0::1 of 3 records beyond tolerance"))
    #expect(page.contains("| failed | q.rope | layer 0 | 1 of 3 records beyond tolerance, first at position 1 |\n"))
    // No step has the token of another.
    let (again, _) = try step("a.trace", "b.trace", "--all")
    #expect(again.output.split(separator: "\n").first != lines.first)
  }

  /// What cannot be written does not hide what is wrong in the first place.
  @Test(arguments: [["a.trace"], ["golden", "check", "a.golden"]])
  func theFirstErrorIsTold(command: [String]) throws {
    #expect(try fixture.run("golden", "record", "a.trace", "-o", "a.golden").status == 0)
    for reports in [["--junit", "no/x.xml"], ["--json", "no/x.json"], ["--json", "no/x.json", "--junit", "ok.xml"]] {
      let outcome = try fixture.run(command + ["missing.trace"] + reports)
      #expect(outcome.status == 2)
      #expect(outcome.errors == "tracediff: missing.trace: cannot open: No such file or directory\n")
    }
    #expect(try fixture.folder.read("ok.xml").count > 100)
  }

  @Test func pagesAddUp() throws {
    let page = fixture.folder.path("page.md")
    try fixture.folder.write(Array("before\n".utf8), as: "page.md")
    for actual in ["a.trace", "b.trace"] {
      _ = try BuiltProgram("tracediff").run(
        ["a.trace", actual, "--github"], cwd: fixture.folder.url, environment: ["GITHUB_STEP_SUMMARY": page])
    }
    let text = String(decoding: try fixture.folder.read("page.md"), as: UTF8.self)
    #expect(text.hasPrefix("before\n### :white_check_mark: ") && text.contains("\n### :x: "))
  }

  @Test func annotationsGoToStandardErrorWhereOutputIsJSON() throws {
    let (outcome, _) = try step("a.trace", "b.trace", "--json", "-")
    #expect(outcome.status == 1)
    _ = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput))
    #expect(outcome.errors.hasPrefix("::error title=tracediff%3A diverged::"))
    #expect(!outcome.output.contains("::"))
  }

  @Test func badPatternsAreReported() throws {
    let (outcome, page) = try step("a.trace", "a.trace", "--only", "nothing")
    #expect(outcome.status == 2)
    #expect(
      outcome.output == "::error title=tracediff%3A trouble::option '--only': no tensor of either trace matches "
        + "'nothing'%0Aa.trace a.trace%0A0 passed, 0 failed, 1 error, 0 skipped\n")
    #expect(try junit().contains("errors=\"1\"") && page.contains("tracediff\\: trouble"))
  }

  @Test func nothingIsWrittenWithoutBeingAskedFor() throws {
    let page = fixture.folder.path("page.md")
    let outcome = try BuiltProgram("tracediff").run(
      ["a.trace", "b.trace"], cwd: fixture.folder.url, environment: ["GITHUB_STEP_SUMMARY": page])
    #expect(outcome.status == 1 && outcome.output.hasPrefix("diverged: "))
    #expect(!outcome.output.contains("::") && !FileManager.default.fileExists(atPath: page))
  }

  @Test func outputsAreKeptApart() throws {
    for arguments in [
      ["--junit", "a.trace"], ["--junit", "-"], ["--junit", "/dev/stdout"], ["--junit", "x", "--json", "x"],
      ["--junit", "nowhere/x"], ["--junit", "."], ["--junit", ""],
    ] {
      let before = try fixture.folder.read("a.trace")
      let outcome = try fixture.run(["a.trace", "b.trace"] + arguments)
      #expect(outcome.status == 2 && outcome.errors.split(separator: "\n").count == 1, "\(arguments)")
      #expect(try fixture.folder.read("a.trace") == before)
    }
    let outcome = try BuiltProgram("tracediff").run(
      ["a.trace", "b.trace", "--github"], cwd: fixture.folder.url,
      environment: ["GITHUB_STEP_SUMMARY": fixture.folder.path("a.trace")])
    #expect(outcome.status == 2 && outcome.errors.contains("would overwrite the input 'a.trace'"))
    let lost = try BuiltProgram("tracediff").run(
      ["a.trace", "a.trace", "--github"], cwd: fixture.folder.url,
      environment: ["GITHUB_STEP_SUMMARY": fixture.folder.path("nowhere/page.md")])
    #expect(lost.status == 2 && lost.errors.contains("page.md: cannot write: No such file or directory"))
  }

  /// Where one file cannot be written the others are, and the exit status is 2.
  @Test func whatCannotBeWrittenHindersNothingElse() throws {
    let path = fixture.folder.path("page.md")
    let lost = try BuiltProgram("tracediff").run(
      ["a.trace", "b.trace", "--github", "--junit", "nowhere/x.xml"], cwd: fixture.folder.url,
      environment: ["GITHUB_STEP_SUMMARY": path])
    #expect(
      lost.status == 2 && lost.errors == "tracediff: nowhere/x.xml.partial: cannot write: No such file or directory\n")
    #expect(lost.output.contains("\n::error title=tracediff%3A diverged::"))
    #expect(String(decoding: try fixture.folder.read("page.md"), as: UTF8.self).contains("diverged"))
  }

  /// Names of tensors are the writer's; `::` and `<` are allowed in them.
  @Test func hostileNames() throws {
    var trace = SyntheticTrace(emptyFrom: "port ]]><&\"")
    trace.tokens[0] = TraceToken(id: 1, text: Array("\n::error::\u{1B}</failure>".utf8))
    for name in ["::add-mask::a", "##[error]", "<b>&\"']]>", "a:b%0A"] {
      trace.records[RecordKey(TensorName(name), layer: nil, position: 0)] = SyntheticTrace.Record([1 as Float])
    }
    try trace.write(to: fixture.folder.path("hostile.trace"))
    for key in trace.records.keys { trace.change(key, at: 0) { $0 + 1 } }
    try trace.write(to: fixture.folder.path("<&\">.trace"))
    let (outcome, page) = try step("hostile.trace", "<&\">.trace")
    #expect(outcome.status == 1)
    let lines = outcome.output.split(separator: "\n")
    let end = try #require(lines.dropFirst().firstIndex { $0.hasPrefix("::") && $0.hasSuffix("::") })
    #expect(lines[(end + 1)...].allSatisfy { $0.hasPrefix("::error title=") })
    #expect(lines.count - end - 1 == 5)
    let text = try junit()
    #expect(text.contains("classname=\"&lt;b&gt;&amp;&quot;']]&gt;\"") && !text.contains("\u{1B}"))
    #expect(!page.contains("<b>") && page.contains("&lt;b&gt;&amp;\"'\\]\\]&gt;"))
  }

  @Test func explain() throws {
    let own = try TracediffExplainTests.Fixture()
    func run(_ trace: String, _ model: String) throws -> (BuiltProgram.Outcome, String) {
      let outcome = try own.explain(trace, "--model", model, "--junit", "junit.xml", "--github")
      return (outcome, String(decoding: try own.folder.read("junit.xml"), as: UTF8.self))
    }
    let (honest, fine) = try run("honest.trace", "model.bin")
    #expect(honest.status == 0 && honest.output.contains("\n::notice title=tracediff explain%3A rounding::"))
    #expect(fine.contains("tests=\"54\" failures=\"0\" errors=\"0\" skipped=\"0\""))
    let (faulty, failures) = try run("residual.trace", "model.bin")
    #expect(faulty.status == 1 && faulty.output.contains("\n::error title=tracediff explain%3A fault::fault: "))
    #expect(failures.contains("tests=\"54\" failures=\"3\" errors=\"0\" skipped=\"0\""))
    let (other, trouble) = try run("honest.trace", "other.bin")
    #expect(other.status == 2 && other.output.hasPrefix("::error title=tracediff explain%3A trouble::honest.trace: "))
    #expect(trouble.contains("tests=\"1\" failures=\"0\" errors=\"1\"") && trouble.contains("another checkpoint"))
    let (missing, none) = try run("missing.trace", "model.bin")
    #expect(missing.status == 2 && none.contains("missing.trace: cannot open: No such file or directory"))
  }
}
