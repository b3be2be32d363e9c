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

  /// Where faults of every operation show first.
  static let places: [(id: String, place: RecordKey)] = [
    ("embedding-next-token", RecordKey(.embedding, layer: nil, position: 0)),
    ("attn-norm-epsilon-1e-6", RecordKey(.attentionNorm, layer: 0, position: 0)),
    ("attn-norm-weight-missing", RecordKey(.attentionNorm, layer: 0, position: 0)),
    ("rope-split-half", RecordKey(.queryRotation, layer: 0, position: 1)),
    ("rope-base-500000", RecordKey(.queryRotation, layer: 0, position: 1)),
    ("rope-overwritten", RecordKey(.queryRotation, layer: 0, position: 1)),
    ("rope-position-plus-one", RecordKey(.queryRotation, layer: 0, position: 0)),
    ("rope-missing-on-keys", RecordKey(.keyRotation, layer: 0, position: 1)),
    ("scores-unscaled", RecordKey(.attentionScores, layer: 0, position: 0)),
    ("scores-over-sqrt-dim", RecordKey(.attentionScores, layer: 0, position: 0)),
    ("scores-kv-head-modulo", RecordKey(.attentionScores, layer: 0, position: 0)),
    ("scores-buffer-of-one-head", RecordKey(.attentionScores, layer: 0, position: 0)),
    ("softmax-last-left-zero", RecordKey(.attentionWeights, layer: 0, position: 0)),
    ("attention-last-weight-for-all", RecordKey(.attention, layer: 0, position: 1)),
    ("attention-cache-row-before", RecordKey(.attention, layer: 0, position: 1)),
    ("attention-not-cleared", RecordKey(.attention, layer: 0, position: 0)),
    ("product-wo-layer-before", RecordKey(.outputProjection, layer: 1, position: 0)),
    ("residual-attn-of-xb", RecordKey(.attentionResidual, layer: 0, position: 0)),
    ("swiglu-swapped", RecordKey(.swiglu, layer: 0, position: 0)),
    ("swiglu-sigmoid", RecordKey(.swiglu, layer: 0, position: 0)),
    ("product-w2-tail-of-4-dropped", RecordKey(.downProjection, layer: 0, position: 0)),
    ("residual-ffn-missing", RecordKey(.ffnResidual, layer: 0, position: 0)),
    ("final-norm-missing", RecordKey(.finalNorm, layer: nil, position: 0)),
  ]

  @Test(arguments: places)
  func faultsAreNamedWhereTheyAre(id: String, place: RecordKey) throws {
    let fault = try #require(Fault.named(id))
    let verdict = try compare(FaultyOperations(fault), Self.shortRun)
    #expect(verdict.outcome == .diverged)
    #expect(verdict.firstDivergence?.key == place)
  }

  @Test(arguments: HonestVariant.allCases)
  func honestVariantsPassAtTheDefault(variant: HonestVariant) throws {
    let verdict = try compare(HonestOperations(variant), .default)
    if variant == .flushToZero {
      // Nothing in so short a run of a small model is subnormal.
      #expect(verdict.outcome == .identical)
    } else {
      #expect(verdict.outcome == .withinTolerance)
      #expect(verdict.differingRecords > 0, "a variant that computes the same bits tests nothing")
    }
    #expect(verdict.comparedRecords == Self.positions * (4 - 1 + 17 * 3))
  }

  @Test func theSameOperationsAreIdentical() throws {
    let verdict = try compare(Llama2Operations<Float>(), .exact)
    #expect(verdict.outcome == .identical)
    #expect(verdict.comparedRecords > 0)
  }
}
