import Foundation
import Model
import TestSupport
import Testing
import TraceFormat

/// `tracediff explain`, as its users run it.
@Suite struct TracediffExplainTests {
  /// A folder with a model, its honest trace, and traces of ports with mistakes.
  struct Fixture {
    let folder: TemporaryFolder
    let tokens = sampleTokens(count: 8, vocabularySize: 320)

    init() throws {
      folder = try TemporaryFolder()
      try folder.write(TestModel.grouped.bytes(.legacy), as: "model.bin")
      try folder.write(TestModel.grouped.bytes(.legacy, seed: 2), as: "other.bin")
      try folder.write(TestModel.separateClassifier.bytes(.legacy), as: "small.bin")
      try run("honest.trace", [])
      try run("residual.trace", ["residual-attn-of-xb"])
      try run("rope.trace", ["rope-position-plus-one"])
    }

    func run(_ name: String, _ faults: [String]) throws {
      let planted = try faults.map { try #require(Fault.named($0)) }
      try trace(
        TestModel.grouped.checkpoint(.legacy), FaultyOperations(planted), tokens: tokens, to: folder.path(name))
    }

    func explain(_ arguments: String...) throws -> BuiltProgram.Outcome {
      try BuiltProgram.run("tracediff", ["explain"] + arguments, cwd: folder.url)
    }

    func json(_ arguments: String...) throws -> [String: Any] {
      let outcome = try BuiltProgram.run("tracediff", ["explain"] + arguments + ["--json", "-"], cwd: folder.url)
      let object = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput))
      return try #require(object as? [String: Any])
    }
  }

  @Test func anHonestTrace() throws {
    let fixture = try Fixture()
    let outcome = try fixture.explain("honest.trace", "--model", "model.bin")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    #expect(outcome.output.hasPrefix("rounding: all 432 checked records are explained by float32 rounding"))
    let json = try fixture.json("honest.trace", "--model", "model.bin")
    #expect(json["schema"] as? String == "tracediff.explain/1")
    #expect(json["verdict"] as? String == "rounding")
    #expect((json["checked"] as? [String: Int])?["records"] == 432)
    #expect((json["unchecked"] as? [Any])?.isEmpty == true && (json["faults"] as? [Any])?.isEmpty == true)
    #expect(json["first"] is NSNull)
    let ratio = try #require(json["worst_ratio"] as? Double)
    #expect(ratio > 0 && ratio < 1)
  }

  @Test func aFaultyTrace() throws {
    let fixture = try Fixture()
    let outcome = try fixture.explain("residual.trace", "-m", "model.bin")
    #expect(outcome.status == 1)
    #expect(
      outcome.output.hasPrefix(
        "fault: x.attn_residual, first at layer 0, position 0: another buffer is added: x + xb.attn instead of x + xb2.wo\n"
      ))
    #expect(
      outcome.output.contains("reproduces all 24 of 24 faulty records to within rounding"))
    #expect(outcome.output.contains("24 of 24 checked records; layers 0..2; positions 0..7"))
    let json = try fixture.json("residual.trace", "-m", "model.bin")
    #expect(json["verdict"] as? String == "fault")
    let faults = try #require(json["faults"] as? [[String: Any]])
    #expect(faults.count == 1)
    #expect(faults[0]["site"] as? String == "x.attn_residual" && faults[0]["records"] as? Int == 24)
    #expect((faults[0]["cause"] as? [String: Any])?["id"] as? String == "residual.other-buffer")
    #expect(faults[0]["precision"] is NSNull)
    let first = try #require(json["first"] as? [String: Any])
    #expect(first["site"] as? String == "x.attn_residual" && first["layer"] as? Int == 0)
    #expect(first["position"] as? Int == 0 && (first["index"] as? [Int])?.count == 1)
    #expect((first["expected"] as? Double) != nil && (first["actual"] as? Double) != nil)
  }

  @Test func aFaultThatTheLogitsCannotShow() throws {
    let fixture = try Fixture()
    let outcome = try fixture.explain("rope.trace", "-m", "model.bin", "--expected", "honest.trace")
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("the position is off: by +1"))
    #expect(outcome.output.contains("warning: the fault does not show in the logits: all 8 records pass"))
    let json = try fixture.json("rope.trace", "-m", "model.bin", "--expected", "honest.trace")
    let expected = try #require(json["expected"] as? [String: Any])
    #expect(expected["records"] as? Int == 432 && expected["logits_beyond_tolerance"] as? Int == 0)
  }

  @Test func inheritedErrorsAreTold() throws {
    let fixture = try Fixture()
    let json = try fixture.json("residual.trace", "-m", "model.bin", "--expected", "honest.trace")
    let sites = try #require((json["expected"] as? [String: Any])?["sites"] as? [[String: Any]])
    func errors(_ name: String) throws -> (local: Double, inherited: Double) {
      let site = try #require(sites.first { $0["site"] as? String == name })
      return (try #require(site["local"] as? Double), try #require(site["inherited"] as? Double))
    }
    // Later operations are right; what they show was handed to them.
    #expect(try errors("xb.ffn_norm").local < 1e-5 && errors("xb.ffn_norm").inherited > 1e-2)
    #expect(try errors("x.attn_residual").local > 1e-2)
    #expect(try errors("x.embed") == (0, 0))
    let flips = try #require((json["expected"] as? [String: Any])?["flips"] as? [[String: Any]])
    #expect(!flips.isEmpty && flips.allSatisfy { $0["near_tie"] as? Bool == false })
  }

  @Test(arguments: [
    (["honest.trace"], "the trace's checkpoint is needed: --model CHECKPOINT"),
    (["--model", "model.bin"], "a trace is needed; see tracediff explain --help"),
    (["honest.trace", "--model", "other.bin"], "honest.trace: the trace was made from another checkpoint"),
    (
      ["honest.trace", "--model", "small.bin"],
      "honest.trace: the trace was made from another model: dim is 48 in the trace"
    ),
    (["honest.trace", "--model", "none.bin"], "none.bin: cannot open"),
    (["model.bin", "--model", "model.bin"], "model.bin: "),
    (["honest.trace", "--model", "honest.trace"], "honest.trace: "),
    (["honest.trace", "--model", "."], "cannot read: it is a directory"),
  ])
  func trouble(arguments: [String], message: String) throws {
    let fixture = try Fixture()
    let outcome = try BuiltProgram.run("tracediff", ["explain"] + arguments, cwd: fixture.folder.url)
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(message), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1 && outcome.output.isEmpty)
  }

  @Test func aCutTrace() throws {
    let fixture = try Fixture()
    for (name, status) in [("honest.trace", Int32(2)), ("residual.trace", 1)] {
      let bytes = try fixture.folder.read(name)
      try fixture.folder.write(Array(bytes[..<(bytes.count / 2)]), as: "cut.trace")
      let outcome = try fixture.explain("cut.trace", "-m", "model.bin")
      #expect(outcome.status == status, "\(name)")
      #expect(outcome.output.contains("cut short"))
    }
  }

  @Test func aFlippedBitIsNotPassed() throws {
    let fixture = try Fixture()
    var bytes = try fixture.folder.read("honest.trace")
    bytes[bytes.count / 2] ^= 1
    try fixture.folder.write(bytes, as: "flipped.trace")
    let outcome = try fixture.explain("flipped.trace", "-m", "model.bin")
    #expect(outcome.status == 2, "\(outcome.output)")
  }

  @Test func whatIsNotRecordedIsCarriedOrListed() throws {
    let fixture = try Fixture()
    let tokens = fixture.tokens.map(String.init).joined(separator: ",")
    func record(_ sites: String) throws {
      let outcome = try BuiltProgram.run(
        "tracedump", ["model.bin", "--tokens", tokens, "--only", sites, "-o", "part.trace"], cwd: fixture.folder.url)
      #expect(outcome.status == 0)
    }
    // Fused attention: everything between the projections and the sum is carried.
    try record("x,xb.attn_norm,q.proj,k.proj,v.proj,xb.attn,hb.w1,hb2.w3,xb.w2")
    let fused = try fixture.json("part.trace", "-m", "model.bin")
    #expect(fused["verdict"] as? String == "rounding")
    let sites = try #require(fused["sites"] as? [[String: Any]])
    #expect(sites.contains { $0["site"] as? String == "xb.attn" && $0["records"] as? Int == 24 })
    #expect(fused["unchecked_records"] as? Int == 0)
    // Nearly nothing: the first layer can be carried from the tokens, what lies too far cannot be judged and is listed.
    try record("att.softmax,logits")
    let little = try fixture.json("part.trace", "-m", "model.bin")
    let checked = try #require((little["checked"] as? [String: Int])?["records"])
    let unchecked = try #require(little["unchecked_records"] as? Int)
    #expect(checked >= 8 && checked + unchecked == 32)
  }

  @Test func namesOutsideTheTableAreListed() throws {
    let fixture = try Fixture()
    var trace = try TraceFile(path: fixture.folder.path("honest.trace"))
    var writer = try TraceWriter(path: fixture.folder.path("foreign.trace"), header: trace.header)
    for (position, token) in trace.tokens.sorted(by: { $0.key < $1.key }) {
      try writer.token(token, position: position)
    }
    while let key = trace.next() {
      let copy = try trace.withRecord(key) { record in
        (record.elementType, record.shape, record.payload.byteArray(0..<record.payload.byteCount))
      }
      let (type, shape, bytes) = try #require(copy)
      try writer.record(key, type: type, shape: shape, payload: bytes.span.bytes)
    }
    let key = RecordKey(TensorName("my.tensor"), layer: 1, position: 0)
    try writer.record(
      key, type: .float32, shape: TensorShape(vector: 1), payload: [UInt8](repeating: 0, count: 4).span.bytes)
    try writer.finish()
    let outcome = try fixture.explain("foreign.trace", "-m", "model.bin")
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("; not checked: 1 record\n"))
    #expect(outcome.output.contains("my.tensor, layer 1, position 0: 1 record: not a site of the table"))
  }
}
