import Foundation
import TestSupport
import Testing
import TraceFormat

@Suite struct TracediffInspectTests {
  let fixture: TracediffFixture

  init() throws { fixture = try TracediffFixture() }

  @Test func overview() throws {
    let result = try fixture.run("inspect", "a.trace")
    #expect(result.status == 0 && result.errors == "")
    let lines = result.output.split(separator: "\n").map(String.init)
    #expect(lines[0].hasPrefix("a.trace: complete, 111 records, 3 tokens, "))
    #expect(lines.contains("  producer                synthetic 1"))
    #expect(lines.contains("  hidden_dim              12"))
    #expect(lines.contains("       1       2  \" \\n\""))
    #expect(lines.contains("  att.scores            2 x 1..3   float32     0..1       0..2        6     0     0"))
    #expect(lines.last == "  logits                      16   float32        -       0..2        3     0     0")
  }

  @Test func headsAreRows() throws {
    let result = try fixture.run("inspect", "b.trace", "--site", "q.rope", "--layer", "0", "--position", "1")
    #expect(result.status == 0)
    #expect(
      result.output == """
        q.rope, layer 0, position 1: 8 float32, queries after RoPE
          token 2 " \\n"
          min 2  max 2.5  mean 2.0625  rms 2.06912  norm 5.85235  NaN 0  inf 0
          head 0    [0]            2            2            2            2
          head 1    [4]            2          2.5            2            2

        """)
    let scores = try fixture.run("inspect", "a.trace", "--site", "att.scores", "--layer", "1", "--position", "2")
    #expect(scores.output.hasPrefix("att.scores, layer 1, position 2: 2 x 3 float32, "))
    #expect(scores.output.split(separator: "\n").count == 5)
  }

  @Test func tokens() throws {
    let result = try fixture.run("inspect", "a.trace", "--tokens")
    #expect(result.status == 0)
    #expect(
      result.output == """
        position      id  text
               0       1  "t0"
               1       2  " \\n"
               2       3  "t2"

        """)
  }

  @Test func longListsAreCut() throws {
    let cut = try fixture.run("inspect", "a.trace", "--only", "x,q")
    #expect(cut.output.hasSuffix("... 10 more tensors; --full prints all\n"))
    #expect(cut.output.components(separatedBy: "NaN 0").count - 1 == 20)
    let full = try fixture.run("inspect", "a.trace", "--only", "x,q", "--full")
    #expect(full.output.components(separatedBy: "NaN 0").count - 1 == 30)
  }

  /// Every line begins with the index of its first element.
  @Test func linesHaveIndices() throws {
    let lines = try fixture.run("inspect", "a.trace", "--only", "logits", "--positions", "0").output.split(
      separator: "\n")
    #expect(lines[3].hasPrefix("  [0] ") && lines[4].hasPrefix("  [7] ") && lines[5].hasPrefix("  [14]"))
    let scores = try fixture.run("inspect", "a.trace", "--only", "att.scores", "--layers", "1", "--positions", "2")
      .output
    #expect(scores.contains("\n  head 1    [1, 0] "))
    #expect(
      try fixture.run("inspect", "a.trace", "--site", "att.scores", "--layer", "1", "--position", "2").output == scores)
  }

  /// Whatever a trace holds, it is shown or refused, and never traps; and its text cannot steer a terminal.
  @Test func everyTraceOfTheCorpus() throws {
    let corpus = BuiltProgram.repository.appendingPathComponent("Tests/Fuzz/corpus/trace")
    for name in try FileManager.default.contentsOfDirectory(atPath: corpus.path) {
      for arguments in [["inspect", name], ["inspect", name, "--only", "*", "--full"], [name, name]] {
        let result = try BuiltProgram.run("tracediff", arguments, cwd: corpus)
        #expect([0, 2].contains(result.status), "\(arguments): \(result.errors)")
      }
    }
    var trace = SyntheticTrace(producer: "port \u{1b}[31m")
    trace.header[integer: .layerCount] = .min
    try trace.write(to: fixture.folder.path("strange.trace"))
    for arguments in [
      ["inspect", "strange.trace"], ["strange.trace", "strange.trace"], ["a.trace", "strange.trace"],
    ] {
      let result = try fixture.run(arguments)
      #expect(result.status >= 0 && !result.output.contains("\u{1b}"))
    }
  }

  @Test func longTablesAreCut() throws {
    var trace = SyntheticTrace()
    for index in 0..<5 {
      trace.records[RecordKey(TensorName("mine.\(index)"), layer: 0, position: 0)] = .init([1 as Float])
    }
    try trace.write(to: fixture.folder.path("more.trace"))
    let cut = try fixture.run("inspect", "more.trace").output
    #expect(cut.hasSuffix("\n  ... 5 more; --full prints all\n"))
    #expect(try fixture.run("inspect", "more.trace", "--full").output.contains("  mine.4 "))
  }

  @Test func nonFiniteValuesAreCounted() throws {
    var trace = SyntheticTrace()
    trace.change(RecordKey(.logits, layer: nil, position: 0), at: 3) { _ in .nan }
    trace.change(RecordKey(.logits, layer: nil, position: 0), at: 4) { _ in -.infinity }
    try trace.write(to: fixture.folder.path("nan.trace"))
    let overview = try fixture.run("inspect", "nan.trace")
    #expect(overview.status == 0)
    #expect(overview.output.hasSuffix("  3     1     1\n"))
    let tensor = try fixture.run("inspect", "nan.trace", "--site", "logits", "--position", "0").output
    #expect(tensor.contains("NaN 1  inf 1"))
    #expect(tensor.contains(" nan") && tensor.contains(" -inf"))
  }

  @Test func cutAndDamagedTracesShowWhatIsThere() throws {
    let cut = try fixture.run("inspect", "cut.trace.partial")
    #expect(cut.status == 2)
    #expect(cut.output.contains("cut short or damaged, 111 records"))
    #expect(cut.output.contains("Problems: 1\n"))
    #expect(cut.errors.hasPrefix("tracediff: cut.trace.partial: the trace is cut short"))
    #expect(cut.errors.split(separator: "\n").count == 1)

    var bytes = try fixture.folder.read("a.trace")
    bytes[bytes.count / 2] ^= 1
    try fixture.folder.write(bytes, as: "damaged.trace")
    let damaged = try fixture.run("inspect", "damaged.trace")
    #expect(damaged.status == 2)
    #expect(damaged.output.hasPrefix("damaged.trace: damaged, 111 records"))
    #expect(damaged.output.contains("Problems: 1\n"))
    #expect(damaged.output.contains("is damaged: expected checksum"))
  }
}
