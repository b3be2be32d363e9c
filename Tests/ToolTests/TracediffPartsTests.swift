import Foundation
import TestSupport
import Testing
import TraceFormat

/// Traces in several files, as the built program takes them.
@Suite struct TracediffPartsTests {
  let fixture: TracediffFixture

  init() throws {
    fixture = try TracediffFixture()
    let folder = fixture.folder
    try FileManager.default.createDirectory(atPath: folder.path("ranks"), withIntermediateDirectories: true)
    let whole = try TraceFile(path: folder.path("a.trace"))
    for number in 0..<2 {
      var part = SyntheticTrace(emptyFrom: "synthetic 1")
      part.header = whole.header
      part.tokens = whole.tokens
      for place in 0..<whole.recordCount {
        let key = whole.key(at: place)
        guard key.layer.map({ $0 == number }) ?? (number == 0) || key.name == .site(.keyRotation) else { continue }
        part.records[key] = try whole.withRecord(key) { record in
          SyntheticTrace.Record(
            type: record.elementType, shape: record.shape.dimensions,
            bytes: record.payload.byteArray(0..<record.payload.byteCount))
        }
      }
      part.header[integer: .part] = number
      part.header[integer: .parts] = 2
      try part.write(to: folder.path("ranks/\(number).trace"))
    }
  }

  @Test(arguments: [["ranks/0.trace", "ranks/1.trace"], ["ranks/1.trace", "ranks/0.trace"], ["ranks"], ["ranks/"]])
  func actualInParts(operands: [String]) throws {
    let result = try fixture.run(["a.trace"] + operands)
    #expect(result.status == 0 && result.errors == "")
    let name = operands.joined(separator: ", ")
    #expect(
      result.output.hasPrefix(
        """
        identical: all 111 records have equal bytes

        expected   a.trace: synthetic 1
        actual     \(name): synthetic 1

        """))
  }

  @Test func expectedInAFolder() throws {
    let same = try fixture.run("ranks", "a.trace")
    #expect(same.status == 0 && same.output.hasPrefix("identical: all 111 records"))
    let diverged = try fixture.run("ranks", "b.trace")
    #expect(diverged.status == 1)
    #expect(diverged.output.hasPrefix("diverged: q.rope, layer 0, position 1 is the first tensor beyond tolerance\n"))
    let list = try fixture.run("ranks", "far.trace", "--all").output
    #expect(list.contains("\nAll records beyond tolerance: 111\n  x.embed, position 0: 1 / 8 beyond"))
    let first = try fixture.run("ranks", "far.trace", "--first").output
    #expect(first.contains("\ncompared   1 record, 8 elements; 1 differ, 1 beyond tolerance\nstopped    at the first"))
  }

  @Test func aMissingPart() throws {
    let result = try fixture.run("a.trace", "ranks/1.trace", "--common")
    #expect(result.status == 0, "a file that is given alone is only what it is")
    try FileManager.default.removeItem(atPath: fixture.folder.path("ranks/0.trace"))
    let folder = try fixture.run("a.trace", "ranks", "--common")
    #expect(folder.status == 2)
    #expect(
      folder.errors == "tracediff: incomparable: actual: of 2 parts number 0 is missing\n")
  }

  @Test func copiesAndHeadersThatDisagree() throws {
    let far = try fixture.run("a.trace", "a.trace", "far.trace")
    #expect(far.status == 2)
    #expect(
      far.output.contains(
        "Problems: 1\n  actual: a.trace and far.trace hold different bytes for x.embed, position 0, and so for 110 more "
          + "records\n"))
    let tokens = try fixture.run("a.trace", "a.trace", "tokens.trace")
    #expect(tokens.status == 2)
    #expect(
      tokens.output.contains("  actual: the token of position 2 is 3 \"t2\" in a.trace and 9 in tokens.trace\n"))
    let short = try fixture.run("a.trace", "short.trace", "a.trace")
    #expect(short.status == 2)
    #expect(
      short.output.contains(
        "  actual: the parts are of different models or runs: steps is 2 in short.trace and 3 in a.trace\n"))
  }

  @Test func damageNamesItsFile() throws {
    var bytes = try fixture.folder.read("ranks/1.trace")
    let place = bytes.count / 2
    bytes[place] ^= 1
    try fixture.folder.write(bytes, as: "ranks/1.trace")
    for arguments in [["a.trace", "ranks"], ["inspect", "ranks"]] {
      let result = try fixture.run(arguments)
      #expect(result.status == 2)
      #expect(result.output.contains("ranks/1.trace: "))
      #expect(result.errors.contains("ranks/1.trace: ") && result.errors.split(separator: "\n").count == 1)
    }
  }

  @Test func inspecting() throws {
    let result = try fixture.run("inspect", "ranks")
    #expect(result.status == 0 && result.errors == "")
    #expect(result.output.hasPrefix("ranks: complete, 111 records, 3 tokens, "))
    let sizes = try (0..<2).map { try fixture.folder.read("ranks/\($0).trace").count }
    #expect(
      result.output.contains(
        """

        Parts
           number   records         bytes  file
                0        63  \(String(repeating: " ", count: 12 - String(sizes[0]).count))\(sizes[0])  ranks/0.trace
                1        54  \(String(repeating: " ", count: 12 - String(sizes[1]).count))\(sizes[1])  ranks/1.trace
          records that an earlier part holds too: 6

        """))
    let one = try fixture.run("inspect", "a.trace")
    #expect(!one.output.contains("Parts"))
    let tensor = try fixture.run("inspect", "ranks/0.trace", "ranks/1.trace", "--site", "q.rope", "--layer", "1")
    #expect(tensor.output == (try fixture.run("inspect", "a.trace", "--site", "q.rope", "--layer", "1").output))
    let json = try fixture.run("inspect", "ranks", "--json", "-").output
    let document = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let parts = try #require(document["parts"] as? [[String: Any]])
    #expect(document["file"] as? String == "ranks" && document["part_count"] as? Int == 2)
    #expect(document["copies"] as? Int == 6)
    #expect(parts.map { $0["file"] as? String } == ["ranks/0.trace", "ranks/1.trace"])
    #expect(parts.map { $0["records"] as? Int } == [63, 54] && parts[1]["part"] as? Int == 1)
  }

  /// What no part was to record is not missing in a golden of all.
  @Test func recordingAGolden() throws {
    let folder = fixture.folder
    #expect(try BuiltProgram.run("llama2-synthesize", ["tiny", "-o", "m.bin"], cwd: folder.url).status == 0)
    for (name, options) in [("low", ["--layers", "0"]), ("ends", ["--only", "logits,x.embed"])] {
      let arguments = ["m.bin", "--tokens", "1,5,9", "-o", "\(name).trace"] + options
      #expect(try BuiltProgram.run("tracedump", arguments, cwd: folder.url).status == 0)
    }
    let recorded = try fixture.run("golden", "record", "low.trace", "ends.trace", "-o", "m.golden")
    #expect(recorded.status == 0 && recorded.errors.hasPrefix("tracediff: 57 records and 3 tokens, "))
    #expect(try fixture.run("golden", "check", "m.golden", "low.trace", "ends.trace").status == 0)
  }

  /// A trace of a model's layers in two files is explained as one.
  @Test func explaining() throws {
    let folder = fixture.folder
    #expect(try BuiltProgram.run("llama2-synthesize", ["tiny", "-o", "m.bin"], cwd: folder.url).status == 0)
    let tokens = "1,5,9,200,31,7"
    for (name, options) in [("whole", []), ("low", ["--layers", "0"]), ("high", ["--layers", "1.."])] {
      let arguments = ["m.bin", "--tokens", tokens, "-o", "\(name).trace"] + options
      #expect(try BuiltProgram.run("tracedump", arguments, cwd: folder.url).status == 0)
    }
    let outer = ["m.bin", "--tokens", tokens, "-o", "outer.trace", "--only", "x.embed,x.final_norm,logits"]
    #expect(try BuiltProgram.run("tracedump", outer, cwd: folder.url).status == 0)
    let whole = try fixture.run("explain", "whole.trace", "--model", "m.bin")
    let parts = try fixture.run("explain", "high.trace", "outer.trace", "low.trace", "--model", "m.bin")
    #expect(whole.status == 0 && parts.status == 0)
    #expect(
      parts.output
        == whole.output.replacingOccurrences(of: "whole.trace", with: "high.trace, outer.trace, low.trace"))
    let compared = try fixture.run("whole.trace", "low.trace", "high.trace", "outer.trace")
    #expect(compared.status == 0 && compared.output.hasPrefix("identical: "))
    let split = try fixture.run("explain", "whole.trace", "--model", "m.bin", "--expected", "ranks")
    #expect(split.status == 2 && split.errors.hasPrefix("tracediff: ranks: the expected trace was made from another"))
  }

  @Test(arguments: [
    (["a.trace", "a.trace", "-"], "-: expected a file, since there are several parts, found a stream"),
    (["a.trace", "b.trace", "./b.trace"], "./b.trace: the file is named twice"),
    (["a.trace", "folder"], "folder: expected traces (*.trace) or arrays (*.npy, *.npz, *.safetensors)"),
    (["a.trace", "a.trace", "x.npz"], "expected traces or arrays, found both: a.trace and x.npz"),
    (["a.trace", "b.trace", "none.trace"], "none.trace: cannot open: No such file or directory"),
    (["a.trace", "b.trace", "text"], "text: not a trace but text"),
    (["explain", "-", "--model", "m.bin"], "-: expected a file, since the trace is read more than once"),
    (["inspect", "-"], "-: expected a file, since the trace is read more than once"),
    (
      ["a.trace", "b.trace", "--map", "x"],
      "option '--map' needs arrays, and a.trace and b.trace are not any"
    ),
    (
      ["a.trace", "b.trace", "--map", "actual=x"],
      "option '--map': 'actual=' needs arrays, and b.trace is not any"
    ),
    (["inspect", "a.trace", "--map", "x"], "option '--map' needs arrays, and a.trace is not any"),
    (
      ["explain", "a.trace", "--model", "m.bin", "--map", "expected=x"],
      "option '--map': 'expected=' needs arrays, and there is no expected trace"
    ),
    (
      ["a.trace", "b.trace", "--map", "actual="],
      "option '--map' needs the name of a file after 'actual=', not 'actual='"
    ),
  ])
  func badOperands(arguments: [String], message: String) throws {
    try fixture.folder.write(Array("not a trace".utf8), as: "text")
    try fixture.folder.write(Array("PK\u{3}\u{4}".utf8), as: "x.npz")
    try FileManager.default.createDirectory(
      atPath: fixture.folder.path("folder"), withIntermediateDirectories: true)
    let result = try fixture.run(arguments)
    #expect(result.status == 2 && result.output == "")
    #expect(result.errors.hasPrefix("tracediff: \(message)"), "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  /// No output may be a file that is read, also where a folder names it.
  @Test(arguments: [["a.trace", "ranks"], ["ranks", "a.trace"], ["inspect", "ranks"]])
  func anOutputAmongTheParts(arguments: [String]) throws {
    let before = try fixture.folder.read("ranks/1.trace")
    let result = try fixture.run(arguments + ["--json", "ranks/1.trace"])
    #expect(result.status == 2)
    #expect(
      result.errors == "tracediff: the output 'ranks/1.trace' would overwrite the input 'ranks/1.trace'\n")
    #expect(try fixture.folder.read("ranks/1.trace") == before)
  }

  /// What cannot be opened is written down for machines.
  @Test func unreadableOperandsAsJSON() throws {
    let result = try fixture.run("a.trace", "b.trace", "none.trace", "--json", "-")
    #expect(result.status == 2)
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(result.standardOutput)) as? [String: Any])
    #expect(document["verdict"] as? String == "incomparable")
    #expect((document["actual"] as? [String: Any])?["file"] as? String == "b.trace, none.trace")
    let twice = try fixture.run("a.trace", "b.trace", "b.trace", "--json", "-")
    #expect(twice.status == 2 && twice.output.contains("the file is named twice"))
  }
}
