import Explanation
import Model
import TestSupport
import Testing

/// Honest implementations raise no alarm, whatever their order of evaluation.
@Suite struct HonestTests {
  @Test(arguments: HonestVariant.allCases, TestModel.allCases)
  func variant(variant: HonestVariant, model: TestModel) throws {
    let explanation = try RecallModel(model, .legacy).explain(HonestOperations(variant))
    #expect(explanation.verdict == .rounding, "\(explanation.headline)")
    #expect(explanation.unchecked.isEmpty && explanation.checkedRecords > 0)
    #expect((explanation.worst?.judgement.ratio ?? .infinity) < 1)
  }

  @Test(arguments: TestModel.allCases, [CheckpointVersion.legacy, .float32, .int8])
  func llama2(model: TestModel, version: CheckpointVersion) throws {
    let recall = try RecallModel(model, version)
    let explanation = try recall.explain(FaultyOperations([], quantized: recall.groupSize != nil))
    #expect(explanation.verdict == .rounding, "\(explanation.headline)")
    #expect(explanation.unchecked.isEmpty)
  }
}

/// Arithmetic of fewer bits is told from faults, and named.
@Suite struct PrecisionTests {
  @Test(arguments: LowPrecision.allCases)
  func variant(variant: LowPrecision) throws {
    let explanation = try RecallModel(.grouped, .legacy, positions: 3).explain(LowPrecisionOperations(variant))
    #expect(explanation.verdict == .precision, "\(explanation.headline)")
    #expect(explanation.faults.allSatisfy { variant.sites.contains($0.site) }, "\(explanation.faults.map(\.site))")
    let word =
      switch variant.format {
      case .bfloat16: "bfloat16"
      case .float16: "float16"
      case .tf32: "TF32"
      case nil: "an approximate reciprocal square root"
      }
    for fault in explanation.faults {
      #expect(fault.precision?.contains(word) == true, "\(fault.site): \(fault.precision ?? "-")")
    }
  }
}
