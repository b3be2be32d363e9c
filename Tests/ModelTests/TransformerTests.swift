import Model
import Testing
import TestSupport
import TraceFormat

@Suite struct TransformerTests {
  /// A block of positions computes what the positions one by one do, bit for bit.
  @Test(arguments: TestModel.allCases, [CheckpointVersion.legacy, .int8])
  func blocksEqualSinglePositions(test: TestModel, version: CheckpointVersion) throws {
    let model = try test.checkpoint(version)
    let tokens = sampleTokens(count: 7, vocabularySize: model.configuration.vocabularySize)
    let single: Recording
    let block: Recording
    if version == .int8 {
      single = record(model, QuantizedOperations(), tokens, blockSize: 1)
      block = record(model, QuantizedOperations(), tokens, blockSize: 3)
    } else {
      single = record(model, Llama2Operations<Float>(), tokens, blockSize: 1)
      block = record(model, Llama2Operations<Float>(), tokens, blockSize: 3)
    }
    #expect(single.records.count == block.records.count)
    #expect(single.records == block.records)
    #expect(single.order == single.order.sorted(), "single positions are observed in the order of execution")
  }

  private func record<Ops: Operations>(
    _ model: borrowing Checkpoint, _ operations: Ops, _ tokens: [Int], blockSize: Int
  ) -> Recording {
    var recording = Recording()
    var transformer = Transformer(
      model, operations: operations, capacity: tokens.count, blockSize: blockSize, quantized: model.isQuantized)
    for start in stride(from: 0, to: tokens.count, by: blockSize) {
      let part = Array(tokens[start..<min(start + blockSize, tokens.count)])
      transformer.forward(part, at: start, model: model, observer: &recording)
    }
    return recording
  }

  /// Both float32 layouts hold the same weights, so the same values come out.
  @Test(arguments: TestModel.allCases)
  func layoutsAgree(test: TestModel) throws {
    let legacy = try test.checkpoint(.legacy)
    let current = try test.checkpoint(.float32)
    let tokens = sampleTokens(count: 4, vocabularySize: legacy.configuration.vocabularySize)
    let first = record(legacy, Llama2Operations<Float>(), tokens, blockSize: 1)
    let second = record(current, Llama2Operations<Float>(), tokens, blockSize: 1)
    #expect(first.records == second.records)
    #expect(first.records.count == 4 * (3 + 17 * legacy.configuration.layerCount))
  }

  @Test(arguments: [CheckpointVersion.legacy, .float32, .int8])
  func everyTruncationAndTrailingByteIsRefused(version: CheckpointVersion) throws {
    let bytes = try TestModel.multiQuery.bytes(version)
    let lengths = Array(0..<300) + stride(from: 300, to: bytes.count, by: 997) + [bytes.count - 1]
    for length in lengths {
      #expect(throws: CheckpointError.self, "cut at \(length)") { try self.version(of: Array(bytes[0..<length])) }
    }
    #expect(throws: CheckpointError.trailingBytes(offset: bytes.count, count: 1)) { try self.version(of: bytes + [0]) }
  }

  @discardableResult
  private func version(of bytes: [UInt8]) throws -> CheckpointVersion {
    let file = try MappedFile(copying: bytes, name: "bytes")
    let checkpoint = try Checkpoint(file)
    return checkpoint.version
  }

  @Test(
    arguments: [
      (0, 0), (0, -1), (0, Int32.max), (4, 0), (8, -3), (8, Int32.max), (12, 0), (12, 7), (16, 3), (16, 0), (20, 0),
      (20, .min), (24, 0), (24, -1), (24, Int32.max),
    ] as [(Int, Int32)])
  func badSizesAreRefused(offset: Int, value: Int32) throws {
    var bytes = try TestModel.grouped.bytes(.legacy)
    for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Int32(8 * index)) }
    #expect(throws: CheckpointError.self) { try version(of: bytes) }
  }
}
