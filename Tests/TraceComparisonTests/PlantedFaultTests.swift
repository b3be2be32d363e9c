import Model
import Testing
import TestSupport
import TraceComparison
import TraceFormat

/// Mistakes are found where they are, and honest differences raise no alarm.
@Suite struct PlantedFaultTests {
  /// The tolerance that docs/tolerances.md gives for runs of up to 16 positions of small models.
  static let shortRun = Tolerance(rtol: 3e-5, atol: 1e-30)
  static let positions = 12

  private func compare<Ops: Operations>(_ operations: Ops, _ tolerance: Tolerance) throws -> Verdict {
    let folder = try TemporaryFolder()
    let model = try TestModel.grouped.checkpoint()
    let tokens = sampleTokens(count: Self.positions, vocabularySize: model.configuration.vocabularySize)
    try trace(model, Llama2Operations<Float>(), tokens: tokens, to: folder.path("expected"))
    try trace(model, operations, tokens: tokens, to: folder.path("actual"))
    var expected = try TraceFile(path: folder.path("expected"))
    var actual = try TraceFile(path: folder.path("actual"))
    return Comparison(tolerance: tolerance).compare(&expected, &actual)
  }

  @Test(arguments: PlantedFault.allCases)
  func faultsAreNamedWhereTheyAre(fault: PlantedFault) throws {
    let verdict = try compare(FaultyOperations(fault), Self.shortRun)
    #expect(verdict.outcome == .diverged)
    #expect(verdict.firstDivergence?.key == fault.place)
  }

  @Test(arguments: HonestVariant.allCases)
  func honestVariantsPassAtTheDefault(variant: HonestVariant) throws {
    let verdict = try compare(HonestOperations(variant), .default)
    #expect(verdict.outcome == .withinTolerance)
    #expect(verdict.differingRecords > 0, "a variant that computes the same bits tests nothing")
    #expect(verdict.comparedRecords == Self.positions * (4 - 1 + 17 * 3))
  }

  @Test func theSameOperationsAreIdentical() throws {
    let verdict = try compare(Llama2Operations<Float>(), .exact)
    #expect(verdict.outcome == .identical)
    #expect(verdict.comparedRecords > 0)
  }
}
