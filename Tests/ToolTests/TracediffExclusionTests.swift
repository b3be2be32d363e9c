import TestSupport
import Testing

/// `--except`: what is left out by name, so that everything else must still have a partner.
@Suite struct TracediffExclusionTests {
  let fixture: TracediffFixture

  init() throws {
    fixture = try TracediffFixture()
    #expect(try fixture.run("export", "a.trace", "--except", "k.rope,logits", "-o", "lacking.npz").status == 0)
  }

  @Test func compare() throws {
    let lacking = try fixture.run("a.trace", "lacking.npz")
    #expect(lacking.status == 2 && lacking.output.contains("k.rope"))
    let one = try fixture.run("a.trace", "lacking.npz", "--except", "k.rope")
    #expect(one.status == 2 && !one.output.contains("k.rope") && one.output.contains("actual lacks 3 records"))
    for options in [["--except", "k.rope,logits"], ["--except", "k.rope", "--except", "log*"]] {
      for files in [["a.trace", "lacking.npz"], ["lacking.npz", "a.trace"]] {
        let result = try fixture.run(files + options)
        #expect(result.status == 0 && result.output.hasPrefix("identical: all 102 records have equal bytes"))
      }
    }
    // Two files, which are compared by another path.
    let files = try fixture.run("a.trace", "b.trace", "--except", "q.rope")
    #expect(files.status == 0 && files.output.hasPrefix("identical: all 105 records have equal bytes"))
    #expect(try fixture.run("a.trace", "b.trace", "--except", "q.proj").status == 1)
    let selected = try fixture.run("a.trace", "a.trace", "--only", "q,logits", "--except", "q.proj")
    #expect(selected.status == 0 && selected.output.hasPrefix("identical: all 9 records have equal bytes"))
  }

  @Test func pipes() throws {
    let result = try fixture.shell("cat a.trace | tracediff b.trace - --except q.rope")
    #expect(result.status == 0 && result.output.hasPrefix("identical: all 105 records have equal bytes"))
  }

  @Test func otherCommands() throws {
    #expect(try fixture.run("golden", "record", "a.trace", "-o", "a.golden").status == 0)
    let check = ["golden", "check", "a.golden"]
    #expect(try fixture.run(check + ["lacking.npz"]).status == 2)
    #expect(try fixture.run(check + ["lacking.npz", "--except", "k.rope,logits"]).status == 0)
    #expect(try fixture.run(check + ["b.trace", "--except", "q.rope"]).status == 0)
    let append = ["history", "append", "drift.jsonl", "a.trace", "lacking.npz", "--commit", "one"]
    #expect(try fixture.run(append).status == 2)
    #expect(try fixture.run(append + ["--except", "k.rope,logits"]).status == 0)
    let shown = try fixture.run("history", "show", "drift.jsonl", "--except", "q.rope")
    #expect(shown.status == 0 && !shown.output.contains("q.rope") && shown.output.contains("q.proj"))
    let place = ["--layer", "0", "--position", "0"]
    let inspected = try fixture.run(["inspect", "a.trace", "--only", "q", "--except", "q.proj"] + place)
    #expect(inspected.status == 0 && inspected.output.contains("q.rope") && !inspected.output.contains("q.proj"))
    // What was left out by name was never to be recorded.
    let found = try fixture.run("inspect", "lacking.npz")
    #expect(found.status == 0 && !found.output.contains("k.rope") && found.output.contains("k.proj"))
  }

  /// A misspelt name must not pass for one that was left out.
  @Test(arguments: [
    (["a.trace", "a.trace"], "option '--except': no tensor of either trace matches 'q.rpoe'"),
    (
      ["golden", "check", "a.golden", "a.trace"],
      "option '--except': no tensor of the golden or the trace matches 'q.rpoe'"
    ),
    (["history", "show", "drift.jsonl"], "option '--except': no tensor of the history matches 'q.rpoe'"),
    (["inspect", "a.trace"], "option '--except': no tensor of a.trace matches 'q.rpoe'"),
    (["export", "a.trace", "-o", "out.npz"], "option '--except': no tensor of a.trace matches 'q.rpoe'"),
  ])
  func namesThatMatchNothing(command: [String], message: String) throws {
    #expect(try fixture.run("golden", "record", "a.trace", "-o", "a.golden").status == 0)
    let append = ["history", "append", "drift.jsonl", "a.trace", "a.trace", "--commit", "one"]
    #expect(try fixture.run(append).status == 0)
    let result = try fixture.run(command + ["--except", "q.rope,q.rpoe"])
    #expect(result.status == 2 && result.errors == "tracediff: \(message)\n")
  }

  @Test func everythingLeftOut() throws {
    let result = try fixture.run("a.trace", "a.trace", "--except", "*")
    #expect(result.status == 2 && result.errors.contains("neither trace holds a tensor that was asked for"))
    let append = ["history", "append", "drift.jsonl", "a.trace", "a.trace", "--commit", "one"]
    #expect(try fixture.run(append).status == 0)
    let shown = try fixture.run("history", "show", "drift.jsonl", "--only", "q", "--except", "q")
    #expect(shown.status == 2 && shown.output == "")
    #expect(shown.errors == "tracediff: no tensor of the history is left by --only and --except\n")
  }
}
