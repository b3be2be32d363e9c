import Explanation
import Model
import Synthesis
import TestSupport
import Testing
import TraceFormat

/// Honest implementations raise no alarm, whatever their order of evaluation.
@Suite struct HonestTests {
  /// Fewer positions without optimisation; `make honest` has hundreds.
  private static let positions: Int = {
    #if DEBUG
      return 6
    #else
      return 12
    #endif
  }()

  @Test(arguments: HonestVariant.allCases, TestModel.allCases)
  func variant(variant: HonestVariant, model: TestModel) throws {
    let explanation = try RecallModel(model, .legacy, positions: Self.positions)
      .explain(HonestOperations(variant))
    #expect(explanation.verdict == .rounding, "\(explanation.headline)")
    #expect(explanation.unchecked.isEmpty && explanation.checkedRecords > 0)
    #expect((explanation.worst?.judgement.ratio ?? .infinity) < 1)
  }

  @Test(arguments: TestModel.allCases, [CheckpointVersion.legacy, .float32, .int8])
  func llama2(model: TestModel, version: CheckpointVersion) throws {
    let recall = try RecallModel(model, version, positions: Self.positions)
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

/// Rows that are a single quantization group have integer sums of exactly 0 now and then, which the replay's float64
/// sum of dequantized terms is not.
@Suite struct SingleGroupTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func rowsOfOneGroup(seed: UInt64) throws {
    let sizes = try Configuration(
      dim: 16, hiddenDim: 32, layerCount: 2, headCount: 4, keyValueHeadCount: 2, vocabularySize: 400,
      sequenceLength: 128, sharesClassifier: false)
    let bytes = try SyntheticModel(configuration: sizes, seed: seed).checkpointBytes(version: .int8, groupSize: 16)
    let model = try RecallModel("one group", positions: 100) {
      try Checkpoint(try MappedFile(copying: bytes, name: "one group"))
    }
    let explanation = try model.explain(FaultyOperations([], quantized: true))
    #expect(explanation.verdict == .rounding, "\(explanation.headline)")
  }
}
