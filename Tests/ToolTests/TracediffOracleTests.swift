import Foundation
import Model
import TestSupport
import Testing
import TraceFormat

/// `tracediff --oracle`, and what tolerances cannot see.
@Suite struct TracediffOracleTests {
  static func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let tokens = sampleTokens(count: 6, vocabularySize: 320)
    func run<Ops: Operations>(_ name: String, _ operations: Ops, _ precision: RunPlan.Precision = .float32) throws {
      try trace(
        TestModel.grouped.checkpoint(), operations, tokens: tokens, to: folder.path(name), precision: precision)
    }
    try run("a.trace", Llama2Operations<Float>())
    try run("honest.trace", HonestOperations(.reversedSums))
    try run("wrong.trace", FaultyOperations(try #require(Fault.named("swiglu-gelu-tanh"))))
    try run("oracle.trace", Llama2Operations<Double>(), .float64)
    let other = try TestModel.separateClassifier.checkpoint()
    try trace(other, Llama2Operations<Double>(), tokens: [1, 5], to: folder.path("other.trace"), precision: .float64)
    return folder
  }

  func json(_ folder: TemporaryFolder, _ arguments: String...) throws -> (Int32, [String: Any]) {
    let outcome = try BuiltProgram.run("tracediff", arguments + ["--json", "-"], cwd: folder.url)
    let object = try JSONSerialization.jsonObject(with: Data(outcome.standardOutput))
    return (outcome.status, try #require(object as? [String: Any]))
  }

  @Test func anHonestRunIsAsAccurate() throws {
    let folder = try Self.folder()
    let (status, object) = try json(folder, "a.trace", "honest.trace", "--oracle", "oracle.trace")
    let oracle = try #require(object["oracle"] as? [String: Any])
    #expect(status == 0 && (oracle["doubts"] as? [Any])?.isEmpty == true)
    #expect(oracle["row_count"] as? Int == 3 * 17 + 3 && oracle["not_judged"] as? Int == 0)
    let worst = try #require(oracle["worst"] as? [String: Any])
    let ratio = try #require(worst["ratio"] as? Double)
    #expect(ratio > 0 && ratio < 10)
  }

  @Test func aWrongRunIsFarther() throws {
    let folder = try Self.folder()
    let outcome = try BuiltProgram.run(
      "tracediff", ["a.trace", "wrong.trace", "--oracle", "oracle.trace"], cwd: folder.url)
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("Against the oracle (test 1): actual's error is at most "))
    let (_, object) = try json(folder, "a.trace", "wrong.trace", "--oracle", "oracle.trace")
    let worst = try #require((object["oracle"] as? [String: Any])?["worst"] as? [String: Any])
    #expect(try #require(worst["ratio"] as? Double) > 1000)
  }

  @Test(arguments: [
    ("other.trace", "other.trace: the oracle was made from another model: dim"),
    ("none.trace", "none.trace: cannot open"),
  ])
  func trouble(oracle: String, message: String) throws {
    let folder = try Self.folder()
    let outcome = try BuiltProgram.run("tracediff", ["a.trace", "a.trace", "--oracle", oracle], cwd: folder.url)
    #expect(outcome.status == 2 && outcome.errors.contains(message), "\(outcome.errors)")
    let (status, object) = try json(folder, "a.trace", "a.trace", "--oracle", oracle)
    #expect(status == 2 && object["exit_status"] as? Int == 2 && object["verdict"] as? String == "identical")
    #expect((object["oracle_problem"] as? String)?.contains(message) == true)
  }

  @Test func anOracleThatCannotBeUsedDoesNotHideADivergence() throws {
    let folder = try Self.folder()
    let (status, object) = try json(folder, "a.trace", "wrong.trace", "--oracle", "none.trace")
    #expect(status == 1 && object["verdict"] as? String == "diverged")
    #expect((object["oracle_problem"] as? String)?.hasPrefix("none.trace: cannot open") == true)
  }

  @Test func aFloat32OracleIsDoubted() throws {
    let folder = try Self.folder()
    let outcome = try BuiltProgram.run(
      "tracediff", ["a.trace", "honest.trace", "--oracle", "a.trace"], cwd: folder.url)
    #expect(outcome.status == 0 && outcome.output.contains("warning: the oracle is not known to be float64"))
  }

  @Test func withoutAnOracleTheFieldIsNull() throws {
    let (_, object) = try json(try Self.folder(), "a.trace", "a.trace")
    #expect(object["oracle"] is NSNull)
  }

  @Test func aBlindToleranceIsToldOf() throws {
    let folder = try Self.folder()
    func output(_ arguments: String...) throws -> String {
      try BuiltProgram.run("tracediff", arguments, cwd: folder.url).output
    }
    #expect(try output("a.trace", "wrong.trace", "--rtol", "1000").contains("warning: the tolerance is blind in"))
    #expect(try output("a.trace", "honest.trace", "--positions", "0").contains("warning: only position 0 was compared"))
    #expect(try !output("a.trace", "honest.trace").contains("warning"))
  }
}
