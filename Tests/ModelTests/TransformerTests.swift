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

  /// A size that is changed in a file of the grouped model: 48 wide, hidden_dim 101, 3 layers, 6 heads on 2, 320
  /// tokens.
  struct BadSize: CustomTestStringConvertible, Sendable {
    var offset: Int
    var value: Int32
    var expected: CheckpointError
    var testDescription: String { "\(value) at \(offset)" }

    init(_ offset: Int, _ value: Int32, _ expected: CheckpointError) {
      self.offset = offset
      self.value = value
      self.expected = expected
    }

    /// - Parameter place: the offset of the size that the message blames; by default the one that was changed.
    init(_ offset: Int, _ value: Int32, _ error: ConfigurationError, at place: Int? = nil, looksLike: FileKind? = nil) {
      self.init(
        offset, value, .invalidConfiguration(offset: place ?? offset, error, looksLike: looksLike))
    }
  }

  static let badSizes = [
    BadSize(0, 0, .sizeOutOfRange(name: "dim", found: 0)), BadSize(0, -1, .sizeOutOfRange(name: "dim", found: -1)),
    BadSize(0, .max, .headsDoNotDivideDim(headCount: 6, dim: 2_147_483_647), at: 12),
    BadSize(0, 50, .headsDoNotDivideDim(headCount: 6, dim: 50), at: 12),
    BadSize(4, 0, .sizeOutOfRange(name: "hidden_dim", found: 0), looksLike: .tokenizer),
    BadSize(8, -3, .sizeOutOfRange(name: "n_layers", found: -3)),
    BadSize(8, .max, .tooShort(part: "rms_att_weight", offset: 61468, needed: 412_316_860_224, available: 253_696)),
    BadSize(12, 0, .sizeOutOfRange(name: "n_heads", found: 0)),
    BadSize(12, 7, .headsDoNotDivideDim(headCount: 7, dim: 48)), BadSize(12, 16, .oddHeadSize(3)),
    BadSize(12, 3, .keyValueHeadsDoNotDivideHeads(keyValueHeadCount: 2, headCount: 3), at: 16),
    BadSize(16, 0, .sizeOutOfRange(name: "n_kv_heads", found: 0)),
    BadSize(16, 4, .keyValueHeadsDoNotDivideHeads(keyValueHeadCount: 4, headCount: 6)),
    BadSize(16, 12, .keyValueHeadsDoNotDivideHeads(keyValueHeadCount: 12, headCount: 6)),
    BadSize(20, 0, .sizeOutOfRange(name: "vocab_size", found: 0)),
    BadSize(20, .min, .sizeOutOfRange(name: "vocab_size", found: 2_147_483_648)),
    BadSize(24, 0, .sizeOutOfRange(name: "seq_len", found: 0)),
    BadSize(24, -1, .sizeOutOfRange(name: "seq_len", found: -1)),
    BadSize(24, .max, .tooShort(part: "unused RoPE tables", offset: 311_068, needed: nil, available: 4096)),
  ]

  @Test(arguments: badSizes)
  func badSizesAreRefused(test: BadSize) throws {
    var bytes = try TestModel.grouped.bytes(.legacy)
    for index in 0..<4 { bytes[test.offset + index] = UInt8(truncatingIfNeeded: test.value >> Int32(8 * index)) }
    #expect(throws: test.expected) { try version(of: bytes) }
  }

  /// Three key and value heads are as good as two for six heads: then the matrices are larger than the file's, and that
  /// is another error.
  @Test func threeKeyValueHeadsDivideSix() throws {
    var bytes = try TestModel.grouped.bytes(.legacy)
    bytes[16] = 3
    #expect(throws: CheckpointError.tooShort(part: "w3", offset: 261_916, needed: 58_176, available: 53_248)) {
      try version(of: bytes)
    }
  }
}
