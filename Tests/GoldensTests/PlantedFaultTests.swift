import Model
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import Goldens

/// Every mistake of the catalogue, and those outside it: a check names the record that the comparison of the traces
/// names.
///
/// Near the tolerance they may differ: the comparison looks for the greatest error of an element, the sketch estimates
/// the root mean square of them all. docs/goldens.md states from where on an error is seen; what lies below is counted
/// apart.
@Suite struct PlantedFaultTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let model: TestModel
    let version: CheckpointVersion
    var testDescription: String { "\(model.rawValue) \(version)" }

    static let all = TestModel.allCases.flatMap { model in
      [CheckpointVersion.legacy, .int8].map { Shape(model: model, version: $0) }
    }
  }

  static let positions = 12
  /// The tolerance that docs/tolerances.md gives for runs of up to 16 positions of small models, and the default.
  static let tolerances = [Tolerance(rtol: 3e-5, atol: 1e-30), .default]

  /// Without optimisation a part of the faults has to do.
  private static func sample(_ faults: [Fault]) -> [Fault] {
    #if DEBUG
      stride(from: 0, to: faults.count, by: 12).map { faults[$0] }
    #else
      faults
    #endif
  }

  @Test(arguments: Shape.all)
  func theSamePlaces(shape: Shape) throws {
    let folder = try TemporaryFolder()
    let model = try shape.model.checkpoint(shape.version)
    let isQuantized = model.groupSize != nil
    let tokens = sampleTokens(count: Self.positions, vocabularySize: model.configuration.vocabularySize)
    try trace(model, FaultyOperations([], quantized: isQuantized), tokens: tokens, to: folder.path("expected"))
    var expected = try TraceFile(path: folder.path("expected"))
    let golden = try Golden(recording: &expected)
    var (planted, near) = (0, 0)
    for fault in Self.sample(Fault.all + Fault.unlisted)
    where fault.applies(to: model.configuration, groupSize: model.groupSize) {
      try trace(model, FaultyOperations(fault, quantized: isQuantized), tokens: tokens, to: folder.path("actual"))
      for tolerance in Self.tolerances {
        let actual = try TraceFile(path: folder.path("actual"))
        var pipe = try TraceFile(path: folder.path("actual"))
        let full = Comparison(tolerance: tolerance).compare(expected, actual)
        let found = GoldenCheck(tolerance: tolerance).check(golden, &pipe)
        planted += 1
        #expect(found.firstDifference?.key == full.firstDifference?.key, "\(fault), \(tolerance)")
        #expect(found.comparedRecords == full.comparedRecords)
        guard found.firstDivergence?.key != full.firstDivergence?.key else { continue }
        near += 1
        let message = try Self.excuse(full, found, expected, actual, tolerance)
        #expect(message == nil, "\(fault), \(tolerance): \(message ?? "")")
      }
    }
    print("\(shape.testDescription): \(planted) checks, \(near) faults near the tolerance are named elsewhere")
    #expect(planted > 0 && near <= max(1, planted / 60))
  }

  /// Why the two may name different records: the earlier of both lies in the range where a sketch decides by chance.
  ///
  /// - Returns: nil where it does; else what is wrong.
  private static func excuse(
    _ full: Verdict, _ found: GoldenVerdict, _ expected: borrowing TraceFile, _ actual: borrowing TraceFile,
    _ tolerance: Tolerance
  ) throws -> String? {
    let keys = [full.firstDivergence?.key, found.firstDivergence?.key].compactMap { $0 }
    guard let key = keys.min() else { return "neither diverges" }
    var result: RecordComparison?
    _ = try expected.withRecord(key) { first in
      _ = try? actual.withRecord(key) { second in
        result = RecordComparison(expected: first, actual: second, limits: tolerance.limits(for: key.name))
      }
    }
    guard let result else { return "\(key) cannot be compared" }
    let share = result.errorRMS / result.limits.allowance(expected: result.expected.rms, rms: result.expected.rms)
    let isMissed = key != found.firstDivergence?.key
    let isNear = isMissed ? share < 3 : share > 1 / 3
    return isNear ? nil : "\(key) has \(share) times the allowance and is \(isMissed ? "missed" : "flagged")"
  }

  @Test(arguments: HonestVariant.allCases, TestModel.allCases)
  func honestVariantsPass(variant: HonestVariant, shape: TestModel) throws {
    let folder = try TemporaryFolder()
    let model = try shape.checkpoint()
    let tokens = sampleTokens(count: Self.positions, vocabularySize: model.configuration.vocabularySize)
    try trace(model, Llama2Operations<Float>(), tokens: tokens, to: folder.path("expected"))
    try trace(model, HonestOperations(variant), tokens: tokens, to: folder.path("actual"))
    var expected = try TraceFile(path: folder.path("expected"))
    var actual = try TraceFile(path: folder.path("actual"))
    let found = GoldenCheck().check(try Golden(recording: &expected), &actual)
    let full = Comparison().compare(
      try TraceFile(path: folder.path("expected")), try TraceFile(path: folder.path("actual")))
    #expect(found.outcome == full.outcome && found.outcome != .diverged)
    #expect(found.differingRecords == full.differingRecords)
    #expect((found.worst?.comparison.ratio ?? 0) < 1)
  }

  @Test(arguments: Shape.all)
  func identicalRunsPass(shape: Shape) throws {
    let folder = try TemporaryFolder()
    let model = try shape.model.checkpoint(shape.version)
    let tokens = sampleTokens(count: Self.positions, vocabularySize: model.configuration.vocabularySize)
    let isQuantized = model.groupSize != nil
    try trace(model, FaultyOperations([], quantized: isQuantized), tokens: tokens, to: folder.path("a"))
    try trace(model, FaultyOperations([], quantized: isQuantized), tokens: tokens, to: folder.path("b"))
    var first = try TraceFile(path: folder.path("a"))
    var second = try TraceFile(path: folder.path("b"))
    let golden = try Golden(recording: &first)
    let found = GoldenCheck(tolerance: .exact).check(golden, &second)
    #expect(found.outcome == .identical && found.comparedRecords == first.recordCount)
    let sites = isQuantized ? 25 : 17
    let outside = isQuantized ? 5 : 3
    #expect(golden.recordCount == Self.positions * (outside + sites * model.configuration.layerCount))
  }
}
