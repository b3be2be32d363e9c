import Synthesis
import TestSupport
import Testing
import TraceFormat

@testable import Model

/// How many positions go through the model together.
@Suite struct ForwardMemoryTests {
  /// Many heads and a long context, so that attention needs more than all else.
  private static func model() throws -> Checkpoint {
    let sizes = try Configuration(
      dim: 128, hiddenDim: 8, layerCount: 2, headCount: 64, keyValueHeadCount: 64, vocabularySize: 261,
      sequenceLength: 4096, sharesClassifier: true)
    let bytes = try SyntheticModel(configuration: sizes, seed: 1).checkpointBytes(version: .legacy, groupSize: nil)
    return try Checkpoint(MappedFile(copying: bytes, name: "model"))
  }

  /// Positions, bytes of a scalar, and the block that 64 MB have room for. The model itself is smaller.
  ///
  /// A position of the block has a row of attention per head, and 4 dim + 2 kv_dim + 2 hidden_dim + vocab_size +
  /// head_size = 1047 scalars; and twice, for two blocks of a trace, 2 rows of attention per head and 12 dim + 3
  /// hidden_dim = 1560 scalars in each of 2 layers, and 2 dim + vocab_size = 517 outside. With 64 heads and n positions
  /// these are
  ///
  ///     64 n + 1047 + 2 (2 (2 * 64 n + 1560) + 517) = 576 n + 8321 scalars
  @Test(arguments: [
    // 64 MB / (4 * 2,367,617) = 7.09
    (4096, 4, 7),
    // 64 MB / (8 * 2,367,617) = 3.54
    (4096, 8, 3),
    // 64 MB / (4 * 598,145) = 28.05
    (1024, 4, 28),
    // 64 MB / (4 * 303,233) = 55.3; larger blocks than 32 are hardly faster.
    (512, 4, 32),
    // Not even one position fits.
    (1 << 20, 4, 1),
  ])
  func blocksAreSmallWhereRecordsAreLong(capacity: Int, scalarSize: Int, expected: Int) throws {
    let found = ForwardMemory.blockSize(
      try Self.model(), capacity: capacity, scalarSize: scalarSize, groupSize: nil)
    #expect(found == expected)
  }

  /// A run takes that block.
  @Test func aRunTakesTheBlock() throws {
    let model = try Self.model()
    let tokens = sampleTokens(count: 4096, vocabularySize: 261)
    for (precision, expected) in [(RunPlan.Precision.float32, 7), (.float64, 3)] {
      let plan = try RunPlan(model, precision: precision, steps: tokens.count, input: .forced(tokens))
      #expect(plan.blockSize == expected)
    }
    let short = try RunPlan(model, precision: .float32, steps: 5, input: .forced(tokens))
    #expect(short.blockSize == 5)
  }
}
