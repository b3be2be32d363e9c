import Foundation
import TestSupport
import Testing
import TraceFormat

@Suite struct TracediffJSONTests {
  let fixture: TracediffFixture

  init() throws { fixture = try TracediffFixture() }

  private func document(_ arguments: [String], status: Int32) throws -> [String: Any] {
    let result = try fixture.run(arguments + ["--json", "-"])
    #expect(result.status == status)
    #expect(result.errors.isEmpty == (status != 2))
    let object = try JSONSerialization.jsonObject(with: Data(result.standardOutput))
    return try #require(object as? [String: Any])
  }

  static let keys: Set<String> = [
    "schema", "verdict", "exit_status", "summary", "expected", "actual", "tolerance", "compared", "differing_records",
    "equal_in_other_dtype_records", "divergent_records", "unmatched", "shape_mismatches", "shape_mismatch_count",
    "tokens_part_at", "tokens_part",
    "first_difference", "first_divergence", "divergences", "worst", "min_rtol", "min_ulp", "token_flip",
    "stopped_at_first", "travel",
    "travel_count",
    "configuration_conflicts", "problems", "problem_count", "notes", "oracle", "oracle_problem",
  ]

  static let recordKeys: Set<String> = [
    "site", "layer", "position", "index", "expected", "actual", "head", "head_element", "abs_error", "rel_error",
    "ulp_error", "allowance", "ratio", "token", "token_text", "shape", "dtype", "mismatched", "differing", "elements",
    "rms", "error_rms", "max_abs_error", "max_rel_error", "max_ulp_error", "min_rtol", "min_atol", "min_ulp",
    "non_finite",
  ]

  /// What is found to make no sense after the traces were read is written as well, with the reason.
  @Test(arguments: [
    (["a.trace", "a.trace", "--only", "zz"], "option '--only': no tensor of either trace matches 'zz'"),
    (["a.trace", "a.trace", "--rtol", "zz=1"], "option '--rtol': no tensor of either trace matches 'zz'"),
    (["a.trace", "a.trace", "--map", "m"], "option '--map' needs arrays, and a.trace and a.trace are not any"),
  ])
  func badOptions(arguments: [String], message: String) throws {
    let document = try document(arguments, status: 2)
    #expect(Set(document.keys) == Self.keys)
    #expect(document["verdict"] as? String == "incomparable" && document["exit_status"] as? Int == 2)
    #expect(document["summary"] as? String == "incomparable: nothing to compare; \(message)")
    let problems = try #require(document["problems"] as? [[String: Any]])
    #expect(problems.count == 1 && problems[0]["trace"] is NSNull && problems[0]["message"] as? String == message)
  }

  @Test func diverged() throws {
    let document = try document(["a.trace", "b.trace"], status: 1)
    #expect(Set(document.keys) == Self.keys)
    #expect(document["schema"] as? String == "tracediff/1")
    #expect(document["verdict"] as? String == "diverged")
    #expect(document["exit_status"] as? Int == 1)
    #expect(document["compared"] as? [String: Int] == ["records": 111, "elements": 936])
    #expect(document["differing_records"] as? Int == 2)
    #expect(document["divergent_records"] as? Int == 1)
    #expect(document["tokens_part_at"] is NSNull)
    #expect(document["divergences"] is NSNull)
    #expect(document["problem_count"] as? Int == 0)
    let unmatched = try #require(document["unmatched"] as? [String: Any])
    #expect(unmatched["expected_count"] as? Int == 0 && unmatched["actual_count"] as? Int == 0)
    let tolerance = try #require(document["tolerance"] as? [String: Any])
    #expect(tolerance["rtol"] as? Double == 2e-4 && tolerance["ulp"] is NSNull)

    let difference = try #require(document["first_difference"] as? [String: Any])
    #expect(difference["layer"] as? Int == 1 && difference["position"] as? Int == 0)
    #expect(difference["mismatched"] as? Int == 0 && difference["differing"] as? Int == 1)
    let record = try #require(document["first_divergence"] as? [String: Any])
    #expect(Set(record.keys) == Self.recordKeys)
    #expect(record["site"] as? String == "q.rope")
    #expect(record["layer"] as? Int == 0 && record["position"] as? Int == 1)
    #expect(record["index"] as? [Int] == [5] && record["shape"] as? [Int] == [8])
    #expect(record["expected"] as? Double == 2 && record["actual"] as? Double == 2.5)
    #expect(record["head"] as? Int == 1 && record["head_element"] as? Int == 1)
    #expect(record["abs_error"] as? Double == 0.5 && record["rel_error"] as? Double == 0.25)
    #expect(record["ulp_error"] as? Int == 2_097_152)
    #expect(record["token"] as? Int == 2 && record["token_text"] as? String == " \n")
    #expect(record["dtype"] as? String == "float32")
    #expect(record["mismatched"] as? Int == 1 && record["elements"] as? Int == 8)
    let smallest = try #require(record["min_rtol"] as? Double)
    #expect(smallest >= 0.25 && smallest < 0.2500001)
  }

  @Test func sitesOutsideTheLayersHaveNoLayer() throws {
    let document = try document(["a.trace", "far.trace", "--all"], status: 1)
    let record = try #require(document["first_divergence"] as? [String: Any])
    #expect(record["site"] as? String == "x.embed")
    #expect(record["layer"] is NSNull && record["head"] is NSNull)
    #expect((document["divergences"] as? [Any])?.count == 100)
    #expect(document["divergent_records"] as? Int == 111)
  }

  @Test func otherVerdicts() throws {
    let identical = try document(["a.trace", "a.trace"], status: 0)
    #expect(identical["verdict"] as? String == "identical")
    #expect(identical["first_difference"] is NSNull && identical["first_divergence"] is NSNull)
    let near = try document(["a.trace", "near.trace"], status: 0)
    #expect(near["verdict"] as? String == "within_tolerance")
    #expect(near["first_difference"] is [String: Any] && near["first_divergence"] is NSNull)
    #expect(try document(["a.trace", "tokens.trace"], status: 1)["tokens_part_at"] as? Int == 2)

    let short = try document(["a.trace", "short.trace"], status: 2)
    #expect(short["verdict"] as? String == "incomparable")
    let unmatched = try #require(short["unmatched"] as? [String: Any])
    #expect(unmatched["expected_count"] as? Int == 37)
    let entries = try #require(unmatched["expected"] as? [[String: Any]])
    #expect(entries.count == 37)
    #expect(entries[0]["site"] as? String == "x.embed" && entries[0]["layer"] is NSNull)
    #expect(entries[0]["position"] as? Int == 2)
  }

  @Test func aTraceThatCannotBeOpened() throws {
    let document = try document(["a.trace", "missing.trace"], status: 2)
    #expect(document["verdict"] as? String == "incomparable")
    let problems = try #require(document["problems"] as? [[String: String]])
    #expect(problems == [["trace": "actual", "message": "missing.trace: cannot open: No such file or directory"]])
    #expect(document["first_divergence"] is NSNull && document["tokens_part_at"] is NSNull)
  }

  @Test func aFileIsWrittenWholeOrNotAtAll() throws {
    let result = try fixture.run("a.trace", "b.trace", "--json", "verdict.json")
    #expect(result.status == 1 && result.output.hasPrefix("diverged: "))
    let written = try fixture.folder.read("verdict.json")
    let printed = try fixture.run("a.trace", "b.trace", "--json", "-").standardOutput
    #expect(written == printed)
    let names = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.url.path)
    #expect(!names.contains { $0.hasSuffix("json.partial") })

    for path in ["nowhere/verdict.json", "."] {
      let failed = try fixture.run("a.trace", "a.trace", "--json", path)
      #expect(failed.status == 2)
      #expect(failed.errors.hasPrefix("tracediff: \(path)"))
      #expect(failed.errors.split(separator: "\n").count == 1)
    }
  }

  /// A file that is no trace gets its document, as a comparison does.
  @Test func inspectionOfAFileThatCannotBeRead() throws {
    try FileManager.default.createDirectory(atPath: fixture.folder.path("empty"), withIntermediateDirectories: true)
    for (path, problem) in [("missing.trace", "cannot open"), ("empty", "expected traces")] {
      let document = try document(["inspect", path], status: 2)
      #expect(document["schema"] as? String == "tracediff.inspect/1" && document["complete"] as? Bool == false)
      #expect(document["problem_count"] as? Int == 1)
      #expect((document["problems"] as? [String])?.first?.hasPrefix("\(path): \(problem)") == true)
    }
  }

  /// Lists are cut at 100, with their counts beside them, even where everything is asked for.
  @Test func listsOfAnInspectionAreCut() throws {
    try SyntheticTrace(positions: 8).write(to: fixture.folder.path("long.trace"))
    let full = try document(["inspect", "long.trace", "--only", "*", "--full"], status: 0)
    #expect((full["tensors"] as? [Any])?.count == 100 && full["tensor_count"] as? Int == 296)
    var many = SyntheticTrace(emptyFrom: "many 1")
    for position in 0..<150 {
      many.tokens[position] = TraceToken(id: 1)
      many.records[RecordKey(TensorName("n\(position)"), layer: nil, position: position)] = .init([1 as Float])
    }
    try many.write(to: fixture.folder.path("many.trace"))
    let overview = try document(["inspect", "many.trace", "--full"], status: 0)
    #expect((overview["sites"] as? [Any])?.count == 100 && overview["site_count"] as? Int == 150)
    #expect((overview["tokens"] as? [Any])?.count == 100 && overview["token_count"] as? Int == 150)

    // More damage than a list holds is counted in full.
    var bytes = try fixture.folder.read("many.trace")
    for offset in stride(from: 64, to: bytes.count, by: 64)
    where bytes[offset..<(offset + 4)].elementsEqual("TENS".utf8) {
      bytes[offset + 49] ^= 1
    }
    try fixture.folder.write(bytes, as: "many.trace")
    let damaged = try document(["inspect", "many.trace"], status: 2)
    #expect(damaged["complete"] as? Bool == false && damaged["problem_count"] as? Int == 150)
    #expect((damaged["problems"] as? [Any])?.count == 100)
  }

  @Test func inspection() throws {
    let document = try document(["inspect", "b.trace", "--site", "q.rope", "--position", "1"], status: 0)
    #expect(document["schema"] as? String == "tracediff.inspect/1")
    #expect(document["tensor_count"] as? Int == 2)
    let tensors = try #require(document["tensors"] as? [[String: Any]])
    #expect(tensors[0]["values"] as? [Double] == [2, 2, 2, 2, 2, 2.5, 2, 2])
    #expect(tensors[0]["max"] as? Double == 2.5 && tensors[0]["nan"] as? Int == 0)
    let overview = try self.document(["inspect", "a.trace"], status: 0)
    #expect((overview["sites"] as? [Any])?.count == 20)
    #expect(overview["site_count"] as? Int == 20 && overview["problem_count"] as? Int == 0)
    #expect(overview["token_count"] as? Int == 3 && overview["complete"] as? Bool == true)
  }
}
