import Foundation
import TestSupport
import Testing
import TraceFormat

/// `tracediff golden record|check|update`, as a user runs them.
@Suite struct TracediffGoldenTests {
  let fixture: TracediffFixture

  init() throws {
    fixture = try TracediffFixture()
    let result = try fixture.run("golden", "record", "a.trace", "-o", "a.golden")
    #expect(result.status == 0 && result.output == "")
    #expect(result.errors == "tracediff: 111 records and 3 tokens, 5.91 kB in a.golden\n")
  }

  private func lines(_ name: String) throws -> [String] {
    try String(decoding: fixture.folder.read(name), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false
    ).map(String.init)
  }

  private func document(_ arguments: [String], status: Int32) throws -> [String: Any] {
    let result = try fixture.run(["golden"] + arguments + ["--json", "-"])
    #expect(result.status == status)
    let object = try JSONSerialization.jsonObject(with: Data(result.standardOutput))
    return try #require(object as? [String: Any])
  }

  // MARK: - record

  @Test func recording() throws {
    let printed = try fixture.run("golden", "record", "a.trace", "-o", "-")
    #expect(printed.status == 0)
    #expect(printed.standardOutput == (try fixture.folder.read("a.golden")))
    #expect(printed.errors == "tracediff: 111 records and 3 tokens, 5.91 kB in standard output\n")
    #expect(printed.output.hasPrefix("tracediff golden 1\nfield dim 8\nfield hidden_dim 12\n"))
    #expect(printed.output.contains("\ntoken 1 2 \" \\n\"\n"))
    #expect(printed.output.contains("\ntensor att.scores layer float32 2xp\n"))
  }

  /// One record is no plural.
  @Test func recordingOneRecord() throws {
    var trace = SyntheticTrace(emptyFrom: "anybody")
    trace.tokens[0] = TraceToken(id: 1)
    trace.records[RecordKey(.logits, layer: nil, position: 0)] = .init([1 as Float])
    try trace.write(to: fixture.folder.path("one.trace"))
    let result = try fixture.run("golden", "record", "one.trace", "-o", "one.golden")
    #expect(result.status == 0 && result.errors.hasPrefix("tracediff: 1 record and 1 token, "))
    let update = try fixture.run("golden", "update", "one.golden", "one.trace")
    #expect(update.output.hasPrefix("unchanged: identical, 1 record; "))
  }

  /// A trace that lacks what its own header promises cannot be told from a whole run later.
  @Test func recordingWhatIsIncomplete() throws {
    var trace = SyntheticTrace(seed: 1)
    trace.header[text: .sites] = Site.all(quantized: false).map(\.rawValue).joined(separator: ",")
    trace.records = trace.records.filter { $0.key.position < 2 || $0.key.layer != 1 }
    try trace.write(to: fixture.folder.path("lacking.trace"))
    let error =
      "tracediff: lacking.trace: the trace lacks 17 records that its header promises by sites, layers and positions, "
      + "first xb.attn_norm, layer 1, position 2; a header's 'sites' must name only what the program computes\n"
    for arguments in [["record", "lacking.trace", "-o", "x"], ["update", "a.golden", "lacking.trace"]] {
      let result = try fixture.run(["golden"] + arguments)
      #expect(result.status == 2 && result.output == "" && result.errors == error)
    }
    #expect(!FileManager.default.fileExists(atPath: fixture.folder.path("x")))
  }

  static let selections: [[String]] = [
    [], ["--only", "k.rope,logits"], ["--only", "q"], ["--layers", "1"], ["--layers", "..0"], ["--positions", "2..3"],
    ["--positions", "..1"], ["--only", "att,x.embed", "--positions", "2"], ["--layers", "1..", "--positions", "1..2"],
  ]

  /// Whatever tracedump was asked to leave out is not missing.
  @Test(arguments: selections, ["0", "2"])
  func recordingSelections(selection: [String], version: String) throws {
    let folder = fixture.folder
    let model = ["tiny", "-o", "m.bin", "--version", version]
    #expect(try BuiltProgram.run("llama2-synthesize", model, cwd: folder.url).status == 0)
    let run = ["m.bin", "--tokens", "1,17,203,45", "-o", "m.trace"]
    #expect(try BuiltProgram.run("tracedump", run + selection, cwd: folder.url).status == 0)
    let result = try fixture.run("golden", "record", "m.trace", "-o", "m.golden")
    #expect(result.status == 0, "\(result.errors)")
    #expect(try fixture.run("golden", "check", "m.golden", "m.trace", "--exact").status == 0)
  }

  @Test func recordingAsJSON() throws {
    let document = try document(["record", "a.trace", "-o", "b.golden"], status: 0)
    #expect(document["schema"] as? String == "tracediff.golden/1" && document["command"] as? String == "record")
    #expect(document["exit_status"] as? Int == 0 && document["token_count"] as? Int == 3)
    #expect(document["recorded"] as? [String: Int] == ["records": 111, "elements": 936])
    #expect(document["byte_count"] as? Int == (try fixture.folder.read("b.golden").count))
    #expect(document["golden"] as? [String: String] == ["file": "b.golden", "producer": "synthetic 1"])
    #expect(try fixture.folder.read("b.golden") == fixture.folder.read("a.golden"))
  }

  static let refused: [(arguments: [String], error: String)] = [
    (["record", "cut.trace.partial", "-o", "x"], "cut.trace.partial: the trace is cut short: it ends at offset "),
    (["record", "missing", "-o", "x"], "missing: cannot open: No such file or directory"),
    (["record", "a.golden", "-o", "x"], "a.golden: not a trace but a golden: at offset 0 expected the magic"),
    (["record", "a.trace", "-o", "a.trace"], "the output 'a.trace' would overwrite the input 'a.trace'"),
    (["record", "a.trace", "-o", "x", "--json", "x"], "the output 'x' would overwrite the output 'x'"),
    (["record", "a.trace", "-o", "-", "--json", "-"], "standard output cannot take both the golden and the JSON"),
    (["record", "a.trace"], "the golden's name is needed: -o FILE; see tracediff golden record --help"),
    (["record", "-o", "x"], "a trace is needed; see tracediff golden record --help"),
    (
      ["record", "a.trace", "b.trace", "-o", "x"],
      "a.trace, b.trace: a.trace and b.trace hold different bytes for q.rope, layer 1, position 0, and so for 1 more "
        + "record"
    ),
    (["record", "a.trace", "-o", "x", "--rtol", "1"], "unknown option '--rtol'; see tracediff golden record --help"),
    (
      ["check", "a.golden"], "a golden and a trace are needed, FILE and TRACE, not 1; see tracediff golden check --help"
    ),
    (["check", "-", "a.trace"], "'-': a golden is a file, not a pipe: write it to a file first"),
    (
      ["check", "a.golden", "a.trace", "--only", "nothing"],
      "option '--only': no tensor of the golden or the trace matches"
    ),
    (
      ["check", "a.golden", "a.trace", "--rtol", "zz=1"],
      "option '--rtol': no tensor of the golden or the trace matches"
    ),
    (
      ["check", "a.golden", "a.trace", "--exact", "--rtol", "1"],
      "option '--exact' excludes '--rtol': equal bits need no tolerance"
    ),
    (["check", "a.golden", "a.trace", "--ulp", "1"], "unknown option '--ulp'; see tracediff golden check --help"),
    (
      ["check", "a.trace", "a.trace"], "a.trace: not a golden but a trace: line 1 expected 'tracediff golden 1', found "
    ),
    (["check", "a.golden", "a.golden"], "a.golden: not a trace but a golden"),
    (
      ["check", "a.golden", "a.trace", "--json", "a.golden"],
      "the output 'a.golden' would overwrite the input 'a.golden'"
    ),
    (["update", "missing", "a.trace"], "missing: cannot open: No such file or directory"),
    (["update", "a.golden", "cut.trace.partial"], "cut.trace.partial: the trace is cut short"),
    (
      ["update", "a.golden"],
      "a golden and a trace are needed, FILE and TRACE, not 1; see tracediff golden update --help"
    ),
    (["update", "a.golden", "a.golden"], "the output 'a.golden' would overwrite the input 'a.golden'"),
    ([], "'golden' needs one of 'record', 'check' and 'update'; see tracediff golden --help"),
    (["chek"], "'golden' needs one of 'record', 'check' and 'update', not 'chek'; see tracediff golden --help"),
  ]

  /// One line on standard error, exit status 2, and no file is made or changed.
  @Test(arguments: refused)
  func refusals(arguments: [String], error: String) throws {
    let before = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.url.path).sorted()
    let golden = try fixture.folder.read("a.golden")
    let result = try fixture.run(["golden"] + arguments)
    #expect(result.status == 2 && result.output == "")
    #expect(result.errors.hasPrefix("tracediff: \(error)"), "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: fixture.folder.url.path).sorted() == before)
    #expect(try fixture.folder.read("a.golden") == golden)
  }

  @Test(arguments: [[], ["record"], ["check"], ["update"]])
  func help(command: [String]) throws {
    let result = try fixture.run(["golden"] + command + ["--help"])
    #expect(result.status == 0 && result.errors == "")
    #expect(result.output.contains((["tracediff golden"] + command).joined(separator: " ")))
    #expect(try fixture.run(["golden"] + command + ["--version"]).output.hasPrefix("tracediff "))
    #expect(try fixture.run("--help").output.contains("golden record|check|update"))
  }

  // MARK: - check

  /// What is found to make no sense after the files were read is written as well, with the reason.
  @Test(arguments: ["check", "update"])
  func badOptions(command: String) throws {
    let document = try document([command, "a.golden", "a.trace", "--rtol", "zz=1"], status: 2)
    #expect(document["verdict"] as? String == "incomparable" && document["exit_status"] as? Int == 2)
    let problems = try #require(document["problems"] as? [[String: Any]])
    #expect(problems.count == 1 && problems[0]["trace"] is NSNull)
    #expect(
      problems[0]["message"] as? String == "option '--rtol': no tensor of the golden or the trace matches 'zz'")
  }

  @Test func identical() throws {
    let result = try fixture.run("golden", "check", "a.golden", "a.trace")
    #expect(result.status == 0 && result.errors == "")
    #expect(
      result.output == """
        identical: all 111 records have the golden's bytes

        golden     a.golden: synthetic 1
        actual     a.trace: synthetic 1
        compared   111 records, 936 elements; 0 differ, 0 beyond tolerance
        tolerance  rtol 0.0002, atol 1e-30
                   rms(actual - expected) <= atol + rtol * rms(expected tensor) + resolution

        """)
  }

  @Test func diverged() throws {
    let result = try fixture.run("golden", "check", "a.golden", "b.trace", "--only", "q.rope")
    #expect(result.status == 1 && result.errors == "")
    #expect(
      result.output == """
        diverged: q.rope, layer 0, position 1 is the first tensor beyond tolerance

        golden     a.golden: synthetic 1
        actual     b.trace: port 2
        compared   6 records, 48 elements; 2 differ, 1 beyond tolerance
        tolerance  rtol 0.0002, atol 1e-30
                   rms(actual - expected) <= atol + rtol * rms(expected tensor) + resolution

        First bitwise difference: q.rope, layer 1, position 0
          tensor      8 float32, queries after RoPE
          token       1 "t0"
          rms         expected 1, actual 1
          error       about 3.61e-08, 3.61e-08 of the rms, 0.303 ulp of it, ratio 0.00018 (below resolution)
          allowance   0.000201 = 1e-30 + 0.0002 * rms 1 + resolution 6.48e-07

        First beyond tolerance: q.rope, layer 0, position 1
          tensor      8 float32, queries after RoPE
          token       2 " \\n"
          rms         expected 2, actual 2.07
          error       about 0.184, 0.0918 of the rms, 770000 ulp of it, ratio 457
          allowance   0.000401 = 1e-30 + 0.0002 * rms 2 + resolution 1.3e-06

        What moved, by site
        (error: estimated rms(actual - expected) / rms(expected); ulp: of rms(expected); ratio: error / allowance)
          site             records  differ  beyond      error       ulp     ratio  worst at
          q.rope                 6       2       1     0.0918    770000       457  layer 0, position 1

        """)
  }

  @Test func withinTolerance() throws {
    let result = try fixture.run("golden", "check", "a.golden", "near.trace")
    #expect(result.status == 0 && result.errors == "")
    #expect(result.output.hasPrefix("within tolerance: 1 of 111 records differs, none beyond tolerance\n"))
    #expect(result.output.contains("\nFirst bitwise difference: q.rope, layer 1, position 0\n"))
    #expect(result.output.contains(" (below resolution)\n"))
    let exact = try fixture.run("golden", "check", "a.golden", "near.trace", "--exact")
    #expect(exact.status == 1)
    #expect(exact.output.hasPrefix("diverged: q.rope, layer 1, position 0 is the first tensor beyond tolerance\n"))
    #expect(exact.output.contains("\n  allowance   none: --exact asks for equal bits\n"))
  }

  @Test func incomparable() throws {
    let result = try fixture.run("golden", "check", "a.golden", "short.trace", "--only", "logits,x.final_norm")
    let reason = "the trace lacks 2 records of the golden, first x.final_norm, position 2 (beyond the end of its run)"
    #expect(result.status == 2 && result.errors == "tracediff: incomparable: \(reason)\n")
    #expect(result.output.hasPrefix("incomparable: \(reason)\n"))
    #expect(result.output.contains("\nOnly in the golden: 2 records; in the trace 2 beyond the end of its run\n"))
    let common = try fixture.run("golden", "check", "a.golden", "short.trace", "--common")
    #expect(common.status == 0 && common.output.contains("\nThese were left out of the comparison (--common).\n"))
    let cut = try fixture.run("golden", "check", "a.golden", "cut.trace.partial")
    #expect(
      cut.status == 2 && cut.errors.hasPrefix("tracediff: incomparable: the trace: the trace is cut short"))
  }

  /// A damaged record that only the trace has is treated as the comparison of two traces treats it.
  @Test func aDamagedRecordOfTheTraceAlone() throws {
    var trace = TracediffFixture.plain(SyntheticTrace(seed: 1))
    trace.records[RecordKey(TensorName("own"), layer: nil, position: 2)] = .init([12345.678 as Float])
    try trace.write(to: fixture.folder.path("own.trace"))
    var bytes = try fixture.folder.read("own.trace")
    let payload = withUnsafeBytes(of: Float(12345.678)) { Array($0) }
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: payload) })
    bytes[place] ^= 1
    try fixture.folder.write(bytes, as: "own.trace")
    for (options, status) in [([], Int32(2)), (["--common"], 0)] {
      #expect(try fixture.run(["a.trace", "own.trace"] + options).status == status)
      let result = try fixture.run(["golden", "check", "a.golden", "own.trace"] + options)
      #expect(result.status == status && !result.output.contains("damaged") && !result.errors.contains("damaged"))
    }
  }

  @Test func tokensPart() throws {
    let result = try fixture.run("golden", "check", "a.golden", "tokens.trace")
    #expect(result.status == 1)
    #expect(
      result.output.hasPrefix("diverged: the tokens part at position 2; no tensor before it is beyond tolerance\n"))
    #expect(
      result.output.contains("\ntokens     part at position 2: expected 3 \"t2\", actual 9; compared up to there\n"))
  }

  @Test func optionsReachTheCheck() throws {
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--rtol", "0.5").status == 0)
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--rtol", "q=0.5").status == 0)
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--atol", "1").status == 0)
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--layers", "1").status == 0)
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--positions", "0").status == 0)
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--positions", "1").status == 1)
  }

  @Test func checkAsJSON() throws {
    let document = try document(["check", "a.golden", "b.trace"], status: 1)
    #expect(Set(document.keys) == Self.checkKeys)
    #expect(document["schema"] as? String == "tracediff.golden/1" && document["command"] as? String == "check")
    #expect(document["verdict"] as? String == "diverged" && document["exit_status"] as? Int == 1)
    #expect(document["compared"] as? [String: Int] == ["records": 111, "elements": 936])
    #expect(document["differing_records"] as? Int == 2 && document["divergent_records"] as? Int == 1)
    let difference = try #require(document["first_difference"] as? [String: Any])
    #expect(difference["layer"] as? Int == 1 && difference["beyond"] as? Bool == false)
    let record = try #require(document["first_divergence"] as? [String: Any])
    #expect(Set(record.keys) == Self.recordKeys)
    #expect(record["site"] as? String == "q.rope" && record["layer"] as? Int == 0 && record["position"] as? Int == 1)
    #expect(record["token"] as? Int == 2 && record["token_text"] as? String == " \n")
    #expect(record["shape"] as? [Int] == [8] && record["dtype"] as? String == "float32")
    // One element of eight is 0.5 away.
    let error = try #require(record["error"] as? Double)
    #expect(error > 0.48 * 0.5 / 8.0.squareRoot() && error < 1.45 * 0.5 / 8.0.squareRoot())
    #expect(record["expected_rms"] as? Double == 2 && (record["ratio"] as? Double ?? 0) > 100)
    let sites = try #require(document["sites"] as? [[String: Any]])
    #expect(sites.count == 1 && document["site_count"] as? Int == 1)
    #expect(sites[0]["records"] as? Int == 6 && sites[0]["divergent_records"] as? Int == 1)
    let tolerance = try #require(document["tolerance"] as? [String: Any])
    #expect(tolerance["rtol"] as? Double == 2e-4 && tolerance["ulp"] == nil)
  }

  static let checkKeys: Set<String> = [
    "schema", "command", "verdict", "exit_status", "summary", "golden", "actual", "tolerance", "compared",
    "differing_records", "equal_in_other_dtype_records", "divergent_records", "unmatched", "shape_mismatches",
    "shape_mismatch_count", "tokens_part_at", "tokens_part", "first_difference", "first_divergence", "worst", "sites",
    "site_count", "configuration_conflicts", "problems", "problem_count", "notes",
  ]

  static let recordKeys: Set<String> = [
    "site", "layer", "position", "token", "token_text", "shape", "dtype", "error", "scaled_error", "ulp_error",
    "resolution", "allowance", "ratio", "beyond", "expected_rms", "actual_rms", "expected_fingerprint",
    "actual_fingerprint", "non_finite",
  ]

  @Test func troubleAsJSON() throws {
    for (arguments, side) in [
      (["check", "a.golden", "missing"], "actual"), (["check", "missing", "a.trace"], "expected"),
      (["update", "a.golden", "missing"], "actual"), (["record", "missing", "-o", "x"], "actual"),
    ] {
      let document = try document(arguments, status: 2)
      #expect(document["command"] as? String == arguments[0] && document["exit_status"] as? Int == 2)
      let problems = try #require(document["problems"] as? [[String: String]])
      #expect(problems == [["trace": side, "message": "missing: cannot open: No such file or directory"]])
      #expect(document["verdict"] as? String == (arguments[0] == "record" ? nil : "incomparable"))
    }
  }

  @Test func damagedGoldens() throws {
    let lines = try lines("a.golden")
    let sketch = try #require(lines.lastIndex { $0.utf8.count == 38 })
    var damaged = lines
    damaged[sketch] = String(lines[sketch].dropLast()) + (lines[sketch].hasSuffix("A") ? "B" : "A")
    let review = try #require(lines.firstIndex { $0.hasPrefix("at 2 after ") })
    for command in ["check", "update"] {
      try fixture.folder.write(Array(damaged.joined(separator: "\n").utf8), as: "damaged.golden")
      let result = try fixture.run("golden", command, "damaged.golden", "a.trace")
      #expect(result.status == 2 && result.output == "")
      #expect(
        result.errors.hasPrefix(
          "tracediff: damaged.golden: line \(review + 1): this line or the sketches of 2 after, from line "))
      try fixture.folder.write(Array(lines[..<sketch].joined(separator: "\n").utf8), as: "cut.golden")
      let cut = try fixture.run("golden", command, "cut.golden", "a.trace")
      #expect(cut.status == 2 && cut.errors.hasPrefix("tracediff: cut.golden: the golden is cut short: line "))
      let head = lines.map { $0 == "field dim 8" ? "field dim 9" : $0 }
      try fixture.folder.write(Array(head.joined(separator: "\n").utf8), as: "head.golden")
      let edited = try fixture.run("golden", command, "head.golden", "a.trace")
      #expect(edited.status == 2 && edited.output == "")
      #expect(edited.errors.contains(": fields, tokens or tensors above it changed after the recording: expected the "))
      try fixture.folder.write([], as: "empty.golden")
      let empty = try fixture.run("golden", command, "empty.golden", "a.trace")
      #expect(empty.status == 2 && empty.errors.hasPrefix("tracediff: empty.golden: not a golden: line 1 expected "))
    }
  }

  // MARK: - update

  /// Like a line in `git diff --stat`: only the field with the head's digest, and the records' sketches with their
  /// places' lines change.
  @Test func updating() throws {
    let before = try lines("a.golden")
    let result = try fixture.run("golden", "update", "a.golden", "b.trace")
    #expect(result.status == 0 && result.errors == "")
    #expect(
      result.output == """
        updated: 2 of 111 records moved, 1 beyond tolerance; 6 of 170 lines written anew, 6 gone

        golden     a.golden: synthetic 1
        actual     b.trace: port 2
        compared   111 records, 936 elements; 2 differ, 1 beyond tolerance
        tolerance  rtol 0.0002, atol 1e-30
                   rms(actual - expected) <= atol + rtol * rms(expected tensor) + resolution

        What moved, by site
        (error: estimated rms(actual - expected) / rms(expected); ulp: of rms(expected); ratio: error / allowance)
          site             records  differ  beyond      error       ulp     ratio  worst at
          q.rope                 6       2       1     0.0918    770000       457  layer 0, position 1

        Fields
          - producer "synthetic 1"
          + producer "port 2"

        """)
    let after = try lines("a.golden")
    #expect(before.count == after.count)
    let changed = before.indices.filter { before[$0] != after[$0] }
    #expect(changed.count == 6)
    #expect(
      changed.map { after[$0].split(separator: " ").prefix(4).joined(separator: " ") }.prefix(4) == [
        "field producer \"port 2\"", after[changed[1]], "at 0 layer 1", "at 1 layer 0",
      ])
    #expect(after[changed[1]].hasPrefix("records "))
    #expect(changed.suffix(2).allSatisfy { after[$0].utf8.count == 38 })
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--exact").status == 0)
    let recorded = try fixture.run("golden", "record", "b.trace", "-o", "-")
    #expect(recorded.standardOutput == (try fixture.folder.read("a.golden")))
  }

  /// Where nothing changed the file stays the same file, to the time of its last change.
  @Test func updatingWithoutAChange() throws {
    let path = fixture.folder.path("a.golden")
    let old = Date(timeIntervalSince1970: 1_000_000_000)
    try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
    let number = try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
    let result = try fixture.run("golden", "update", "a.golden", "a.trace")
    #expect(result.status == 0 && result.errors == "")
    #expect(result.output.hasPrefix("unchanged: identical, 111 records; a.golden is left as it is\n"))
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.modificationDate] as? Date == old && attributes[.systemFileNumber] as? Int == number)
    let changed = try fixture.run("golden", "update", "a.golden", "b.trace")
    #expect(changed.status == 0)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date != old)
    #expect(!FileManager.default.fileExists(atPath: path + ".partial"))
  }

  @Test func updateAsJSON() throws {
    let document = try document(["update", "a.golden", "b.trace"], status: 0)
    #expect(Set(document.keys) == Self.checkKeys.union(["changed", "line_count", "changed_lines", "removed_lines"]))
    #expect(document["command"] as? String == "update" && document["exit_status"] as? Int == 0)
    #expect(document["changed"] as? Bool == true && document["changed_lines"] as? Int == 6)
    #expect(document["verdict"] as? String == "diverged" && document["divergent_records"] as? Int == 1)
    #expect(try self.document(["update", "a.golden", "b.trace"], status: 0)["changed"] as? Bool == false)
  }

  /// What is gone, new or of another shape is counted in the first line too.
  @Test func updatingWhatCannotBeCompared() throws {
    var other = TracediffFixture.plain(SyntheticTrace(seed: 1))
    other.records[RecordKey(.logits, layer: nil, position: 0)]?.shape = [4, 4]
    other.records[RecordKey(.queryRotation, layer: 0, position: 0)] = nil
    other.records[RecordKey(.queryRotation, layer: 1, position: 0)] = nil
    other.records[RecordKey(TensorName("own"), layer: nil, position: 2)] = .init([1 as Float])
    try other.write(to: fixture.folder.path("other.trace"))
    let still = try fixture.run("golden", "update", "a.golden", "other.trace")
    #expect(still.status == 0 && still.errors == "")
    #expect(still.output.hasPrefix("updated: no record moved, 1 of another shape, 2 gone, 1 new; "))
    other.change(RecordKey(.queryRotation, layer: 0, position: 1), at: 0) { $0 + 1 }
    try other.write(to: fixture.folder.path("moved.trace"))
    let moved = try fixture.run("golden", "update", "a.golden", "moved.trace")
    #expect(moved.output.hasPrefix("updated: 1 of 110 records moved, 1 beyond tolerance; 2 of "))
  }

  @Test func updatingOtherRuns() throws {
    let tokens = try fixture.run("golden", "update", "a.golden", "tokens.trace")
    #expect(
      tokens.status == 0
        && tokens.output.hasPrefix("updated: no record moved before the tokens part at position 2; 2 of "))
    #expect(tokens.output.contains("\ntokens     part at position 2: "))
    let short = try fixture.run("golden", "update", "a.golden", "short.trace")
    #expect(short.status == 0 && short.output.hasPrefix("updated: no record moved, 37 gone; "))
    #expect(short.output.contains("\nOnly in the golden: 37 records; in the trace 37 beyond the end"))
    #expect(try fixture.run("golden", "check", "a.golden", "short.trace").status == 0)
    var other = SyntheticTrace(seed: 1)
    other.header[integer: .dim] = 16
    try other.write(to: fixture.folder.path("other.trace"))
    let model = try fixture.run("golden", "update", "a.golden", "other.trace")
    #expect(model.status == 0 && model.output.hasPrefix("updated: another model; "))
    #expect(model.output.contains("\n  - dim 8\n") && model.output.contains("\n  + dim 16\n"))
  }

  // MARK: - A run repeated from its golden

  @Test func tokensFromAGolden() throws {
    let folder = fixture.folder
    #expect(try BuiltProgram.run("llama2-synthesize", ["tiny", "-o", "m.bin"], cwd: folder.url).status == 0)
    func dump(_ arguments: String...) throws -> BuiltProgram.Outcome {
      try BuiltProgram.run("tracedump", ["m.bin"] + arguments, cwd: folder.url)
    }
    #expect(try dump("--tokens", "1,17,203,45", "-o", "m.trace").status == 0)
    #expect(try fixture.run("golden", "record", "m.trace", "-o", "m.golden").status == 0)
    #expect(try dump("--tokens-from", "m.golden", "-o", "again.trace").status == 0)
    let result = try fixture.run("golden", "check", "m.golden", "again.trace", "--exact")
    #expect(result.status == 0 && result.output.hasPrefix("identical: all "))
    #expect(try folder.read("m.trace") == folder.read("again.trace"))

    let whole = try folder.read("m.golden")
    try folder.write(Array(whole.prefix(200)), as: "cut.golden")
    let cut = try dump("--tokens-from", "cut.golden", "-o", "x.trace")
    #expect(cut.status == 2 && cut.errors.hasPrefix("tracedump: cut.golden: the golden is cut short: "))
    let gap = String(decoding: whole, as: UTF8.self).split(separator: "\n").filter { !$0.hasPrefix("token 1 ") }
    try folder.write(Array((gap.joined(separator: "\n") + "\n").utf8), as: "gap.golden")
    let error = try dump("--tokens-from", "gap.golden", "-o", "x.trace").errors
    #expect(error.hasPrefix("tracedump: gap.golden: line ") && error.contains(": expected 'token 1 ID' above, since "))
    #expect(try dump("--tokens-from", "m.golden", "-o", "m.golden").errors.contains("would overwrite the input"))
  }
}
