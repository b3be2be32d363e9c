import Foundation
import TestSupport
import Testing
import TraceFormat

/// The built program, run as a user runs it.
@Suite struct TracediffTests {
  let fixture: TracediffFixture

  init() throws { fixture = try TracediffFixture() }

  @Test func identical() throws {
    let result = try fixture.run("a.trace", "a.trace")
    #expect(result.status == 0)
    #expect(result.errors == "")
    #expect(
      result.output == """
        identical: all 111 records have equal bytes

        expected   a.trace: synthetic 1
        actual     a.trace: synthetic 1
        compared   111 records, 936 elements; 0 differ, 0 beyond tolerance
        tolerance  rtol 0.0002, atol 1e-30
                   abs(actual - expected) <= atol + rtol * max(abs(expected), rms(expected tensor))

        """)
  }

  @Test func diverged() throws {
    let result = try fixture.run("a.trace", "b.trace", "--only", "q.rope")
    #expect(result.status == 1)
    #expect(result.errors == "")
    #expect(
      result.output == """
        diverged: q.rope, layer 0, position 1 is the first tensor beyond tolerance

        expected   a.trace: synthetic 1
        actual     b.trace: port 2
        compared   6 records, 48 elements; 2 differ, 1 beyond tolerance
        tolerance  rtol 0.0002, atol 1e-30
                   abs(actual - expected) <= atol + rtol * max(abs(expected), rms(expected tensor))

        First bitwise difference: q.rope, layer 1, position 0
          tensor      8 float32, queries after RoPE
          token       1 "t0"
          worst       element [2]: head 0, element 2
          expected    1.0
          actual      1.0000001
          error       absolute 1.19e-07, relative 1.19e-07, 1 ulp
          allowance   0.0002 = 1e-30 + 0.0002 * max(1, rms 1)
          mismatched  Mismatched elements: 0 / 8 (0%); 1 differ bitwise

        First beyond tolerance: q.rope, layer 0, position 1
          tensor      8 float32, queries after RoPE
          token       2 " \\n"
          worst       element [5]: head 1, element 1
          expected    2.0
          actual      2.5
          error       absolute 0.5, relative 0.25, 2097152 ulp
          allowance   0.0004 = 1e-30 + 0.0002 * max(2, rms 2)
          mismatched  Mismatched elements: 1 / 8 (12.5%); 1 differ bitwise
          would pass  --rtol 0.251 or --atol 0.5

        How the error travels from q.rope, layer 0, position 1
        (error: greatest of abs(actual - expected) / max(abs(expected), rms); ratio: of error to allowance)
          site             layer position      error     ratio     mismatched
          q.rope               0        1       0.25      1250          1 / 8
          q.rope               1        1          0         0          0 / 8
          worst of each later position:
          q.rope               0        2          0         0          0 / 8

        """)
  }

  @Test func incomparable() throws {
    let result = try fixture.run("a.trace", "short.trace", "--only", "logits,x.final_norm")
    #expect(result.status == 2)
    let reason = "actual lacks 2 records of expected, first x.final_norm, position 2 (beyond the end of its run)"
    #expect(result.errors == "tracediff: incomparable: \(reason)\n")
    #expect(
      result.output == """
        incomparable: \(reason)

        expected   a.trace: synthetic 1
        actual     short.trace: synthetic 1
        compared   4 records, 48 elements; 0 differ, 0 beyond tolerance
        tolerance  rtol 0.0002, atol 1e-30
                   abs(actual - expected) <= atol + rtol * max(abs(expected), rms(expected tensor))

        Only in expected: 2 records; in actual 2 beyond the end of its run
          x.final_norm, position 2
          logits, position 2
        --common compares what both have; --only, --except, --layers and --positions name what to compare.

        Notes
          steps: expected 3, actual 2

        """)
    let common = try fixture.run("a.trace", "short.trace", "--common")
    #expect(common.status == 0)
    #expect(common.output.contains("These were left out of the comparison (--common)."))
    #expect(common.output.contains("\n  q.rope, layers 0..1, position 2: 2 records\n"))
    #expect(try fixture.run("a.trace", "short.trace", "--positions", "..1").status == 0)
  }

  @Test func toleranceOptions() throws {
    #expect(try fixture.run("a.trace", "b.trace", "--rtol", "0.26").status == 0)
    #expect(try fixture.run("a.trace", "b.trace", "--rtol", "0.24").status == 1)
    #expect(try fixture.run("a.trace", "b.trace", "--atol=0.5").status == 0)
    #expect(try fixture.run("a.trace", "b.trace", "--rtol", "q.*=0.26").status == 0)
    #expect(try fixture.run("a.trace", "b.trace", "--rtol", "q.*=0.26", "--rtol", "*.rope=1e-9").status == 1)
    #expect(try fixture.run("a.trace", "b.trace", "--ulp", "2097152").status == 0)
    #expect(try fixture.run("a.trace", "b.trace", "--ulp", "2097151").status == 1)
    #expect(try fixture.run("a.trace", "near.trace").status == 0)
    #expect(try fixture.run("a.trace", "near.trace", "--exact").status == 1)
    let near = try fixture.run("a.trace", "near.trace").output
    #expect(near.hasPrefix("within tolerance: 1 of 111 records differs, none beyond tolerance\n"))
    #expect(near.contains("  would pass  --rtol 1.2e-07 everywhere; a tighter limit sees more\n"))
    #expect(!near.contains("advice"))
    #expect(try fixture.run("a.trace", "b.trace", "--rtol", "0.9").output.contains("  advice      rtol 0.9 is wide"))
  }

  /// A list that is given twice collects, under either name.
  @Test func selectionsCollect() throws {
    let both = try fixture.run("a.trace", "a.trace", "--only", "q.rope", "--only", "logits").output
    #expect(both.contains("compared   9 records"))
    #expect(try fixture.run("a.trace", "a.trace", "--site", "q.rope,logits").output == both)
    #expect(
      try fixture.run("a.trace", "a.trace", "--layers", "1", "--positions", "2").output
        == fixture.run("a.trace", "a.trace", "--layer", "1", "--position", "2").output)
  }

  /// However far an error travels, the table keeps to the limit of a listing.
  @Test func theTravelTableIsCut() throws {
    try SyntheticTrace(seed: 1, layers: 14, positions: 12).write(to: fixture.folder.path("long.trace"))
    var far = SyntheticTrace(seed: 1, layers: 14, positions: 12)
    for key in far.records.keys { far.change(key, at: 0) { $0 + 100 } }
    try far.write(to: fixture.folder.path("long-far.trace"))
    let lines = try fixture.run("long.trace", "long-far.trace").output.split(separator: "\n")
    let start = try #require(lines.firstIndex { $0.hasPrefix("How the error travels") })
    let rows = lines[(start + 3)...].filter { $0.contains(" / ") }
    #expect(rows.count == 20)
    #expect(lines.contains("  ... 6 positions more"))
  }

  @Test func allListsEveryDivergentRecord() throws {
    let lines = try fixture.run("a.trace", "far.trace", "--all").output.split(separator: "\n")
    let start = try #require(lines.firstIndex(of: "All records beyond tolerance: 111"))
    #expect(lines.count - start - 1 == 111)
    #expect(lines[start + 1].hasPrefix("  x.embed, position 0: 1 / 8 beyond, ratio "))
    #expect(try !fixture.run("a.trace", "far.trace").output.contains("All records"))
  }

  @Test func tokensPart() throws {
    let result = try fixture.run("a.trace", "tokens.trace")
    #expect(result.status == 1)
    #expect(
      result.output.hasPrefix("diverged: the tokens part at position 2; no tensor before it is beyond tolerance\n"))
    #expect(
      result.output.contains("tokens     part at position 2: expected 3 \"t2\", actual 9; compared up to there\n"))
  }

  @Test func cutAndDamagedTraces() throws {
    let cut = try fixture.run("a.trace", "cut.trace.partial")
    #expect(cut.status == 2)
    #expect(cut.output.contains("Problems: 1\n  actual: the trace is cut short"))
    #expect(cut.errors.hasPrefix("tracediff: incomparable: actual: the trace is cut short"))
    #expect(cut.errors.split(separator: "\n").count == 1)
    let diverging = try fixture.run("b.trace", "cut.trace.partial")
    #expect(diverging.status == 1)
    #expect(diverging.output.hasPrefix("diverged: q.rope, layer 0, position 1"))
    #expect(diverging.errors == "")

    var bytes = try fixture.folder.read("a.trace")
    bytes[bytes.count / 2] ^= 1
    try fixture.folder.write(bytes, as: "damaged.trace")
    #expect(try fixture.run("a.trace", "damaged.trace").status == 2)
    #expect(try fixture.run("damaged.trace", "far.trace").status == 1)
  }

  @Test(arguments: [
    (["a.trace"], "two traces are needed, EXPECTED and ACTUAL, not 1; see --help"),
    (["a.trace", "a.trace", "--rtl", "1"], "unknown option '--rtl'; did you mean '--rtol'? see --help"),
    (["a.trace", "a.trace", "--rtol"], "option '--rtol' needs a value"),
    (
      ["a.trace", "a.trace", "--rtol", "-1"],
      "option '--rtol' needs a finite number that is not negative, or SITES=NUMBER, not '-1'"
    ),
    (
      ["a.trace", "a.trace", "--rtol", "=1"],
      "option '--rtol' needs a finite number that is not negative, or SITES=NUMBER, not '=1'"
    ),
    (
      ["a.trace", "a.trace", "--atol", "nan"],
      "option '--atol' needs a finite number that is not negative, or SITES=NUMBER, not 'nan'"
    ),
    (["a.trace", "a.trace", "--ulp", "-1"], "option '--ulp' needs an integer of at least 0, not '-1'"),
    (
      ["a.trace", "a.trace", "--exact", "--ulp", "1"],
      "option '--exact' excludes '--ulp': equal bits need no tolerance"
    ),
    (
      ["a.trace", "a.trace", "--exact", "--atol", "q=1"],
      "option '--exact' excludes '--atol': equal bits need no tolerance"
    ),
    (["a.trace", "a.trace", "--only", "q,zz"], "option '--only': no tensor of either trace matches 'zz'"),
    (
      ["a.trace", "a.trace", "--layers", "2..1"],
      "option '--layers' needs a range such as 2, 2..5, 2.. or ..5, not '2..1'"
    ),
    (["a.trace", "missing.trace"], "missing.trace: cannot open: No such file or directory"),
    (
      ["text", "a.trace"],
      "text: not a trace but text: at offset 0 expected the magic 89 4c 32 54 52 43 0d 0a, found 6e 6f 74 20 61 20 74 72"
    ),
    (
      ["explain", "a.trace"],
      "the trace's checkpoint is needed: --model CHECKPOINT; see tracediff explain --help"
    ),
    (["inspect"], "a trace is needed; see tracediff inspect --help"),
    (["explain", "--model", "m.bin"], "a trace is needed; see tracediff explain --help"),
    (["inspect", "a.trace", "--site", "zz"], "option '--only': no tensor of a.trace matches 'zz'"),
    (
      ["inspect", "a.trace", "--position", "9"],
      "a.trace holds no tensor of that site, layer and position; it holds layers 0..1, positions 0..2"
    ),
    (["a.trace", "a.trace", "--rtol", "zz,q=1"], "option '--rtol': no tensor of either trace matches 'zz'"),
    (["a.trace", "a.trace", "--atol", "qq.*=1"], "option '--atol': no tensor of either trace matches 'qq.*'"),
    (
      ["a.trace", "a.trace", "--rtol", "1e-5,q=1e-3"],
      "option '--rtol': '1e-5' among the sites is a number; give the option once for all sites and once for some: "
        + "--rtol 1e-5 --rtol SITES=NUMBER"
    ),
  ])
  func badUsageAndInput(arguments: [String], message: String) throws {
    try fixture.folder.write(Array("not a trace".utf8), as: "text")
    let result = try fixture.run(arguments)
    #expect(result.status == 2)
    #expect(result.errors == "tracediff: \(message)\n")
    #expect(result.output == "")
  }

  @Test func helpAndVersion() throws {
    for arguments in [["--help"], ["-h"], ["inspect", "--help"]] {
      let result = try fixture.run(arguments)
      #expect(result.status == 0 && result.errors == "")
      #expect(result.output.hasPrefix("usage: tracediff "))
      #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 100 })
    }
    let help = try fixture.run("--help").output
    for option in ["rtol", "atol", "ulp", "exact", "only", "layers", "positions", "common", "first", "all", "json"] {
      #expect(help.contains("--\(option)"), "\(option)")
    }
    #expect(help.contains("abs(actual - expected) <= atol + rtol * max(abs(expected), rms(expected tensor))"))
    #expect(try fixture.run("--version").output == "tracediff 0.1.0\n")
  }

  @Test func aClosedPipeIsQuiet() throws {
    let program = try BuiltProgram("tracediff")
    let shell = BuiltProgram(url: URL(fileURLWithPath: "/bin/sh"))
    let script = "'\(program.url.path)' a.trace far.trace --all 2>errors | true; cat errors"
    #expect(try shell.run(["-c", script], cwd: fixture.folder.url).output == "")
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func aFullDiskIsSaid() throws {
    let program = try BuiltProgram("tracediff")
    let shell = BuiltProgram(url: URL(fileURLWithPath: "/bin/sh"))
    let script = "'\(program.url.path)' a.trace a.trace >/dev/full; echo $?"
    let result = try shell.run(["-c", script], cwd: fixture.folder.url)
    #expect(result.output == "2\n")
    #expect(result.errors == "tracediff: standard output: cannot write: No space left on device\n")
  }
}
