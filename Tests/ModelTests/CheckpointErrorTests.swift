import Foundation
import Model
import TestSupport
import Testing
import TraceFormat

@Suite struct CheckpointErrorTests {
  /// The offset in a message is that of the field that is to be changed.
  @Test(arguments: [
    (CheckpointVersion.legacy, 1, 0, "hidden_dim", 4), (.legacy, 3, 7, "n_heads", 12),
    (.float32, 4, 5, "n_kv_heads", 24),
    (.int8, 6, -1, "seq_len", 32), (.float32, 3, 48, "head_size", 20),
  ])
  func theOffsetIsTheFields(version: CheckpointVersion, index: Int, value: Int32, name: String, offset: Int) throws {
    var bytes = try TestModel.grouped.bytes(version)
    let place = (version == .legacy ? 0 : 8) + 4 * index
    // A hidden_dim of zero would pass for a tokenizer's score.
    let word = version == .legacy && value == 0 ? Int32.min : value
    bytes.replaceSubrange(place..<(place + 4), with: littleEndianBytes(word))
    let file = try MappedFile(copying: bytes, name: "m")
    do throws(CheckpointError) {
      _ = try Checkpoint(file).configuration
      Issue.record("\(name) was accepted")
    } catch {
      #expect("\(error)".hasPrefix("offset \(offset): \(name)"), "\(error)")
    }
  }

  /// Sizes whose product exceeds 64 bits are refused in words: 2^31 - 1 layers of 1.5 * 2^30 norm weights.
  @Test func productsThatOverflow() throws {
    let folder = try TemporaryFolder()
    let sizes: [Int32] = [0x6000_0000, 2, .max, 1, 1, 1, 1]
    let header = littleEndianBytes(UInt32(0x616B_3432)) + littleEndianBytes(Int32(1)) + sizes.flatMap(littleEndianBytes)
    try folder.write(header + [1], as: "m.bin")
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: folder.path("m.bin")))
    try handle.truncate(atOffset: 0x7000_0000)
    try handle.close()
    #expect(
      throws: CheckpointError.tooShort(
        part: "rms_att_weight", offset: 256, needed: nil, available: 0x7000_0000 - 256)
    ) { _ = try Checkpoint(path: folder.path("m.bin")).configuration }
  }

  /// A run that needs more memory than the machine has is refused before it begins.
  @Test func memoryIsPlanned() throws {
    var bytes = try TestModel.grouped.bytes(.float32)
    bytes.replaceSubrange(32..<36, with: littleEndianBytes(Int32.max))
    let file = try MappedFile(copying: bytes, name: "m")
    let model = try Checkpoint(file)
    do throws(RunPlanError) {
      _ = try RunPlan(model, precision: .float32, steps: Int(Int32.max), input: .prompt(text: [], tokens: [1], greedy))
      Issue.record("the run was planned")
    } catch {
      guard case .outOfMemory(positions: Int(Int32.max), needed: let needed?) = error else {
        Issue.record("unexpected: \(error)")
        return
      }
      // Keys and values of 3 layers with 16 elements, and a row of attention for 6 heads.
      let floor = Int(Int32.max) * (2 * 3 * 16 + 6) * 4
      #expect(needed > floor && needed < floor + 10_000)
    }
  }

  private var greedy: RunPlan.Sampling { RunPlan.Sampling(temperature: 0, topP: 0.9, seed: 1) }

  @Test func furtherEntriesAreCounted() throws {
    let bytes = try TestModel.grouped.tokenizerBytes()
    #expect(try Tokenizer(bytes.span.bytes, vocabularySize: 320).furtherByteCount == 0)
    let more = bytes + [0, 0, 0]
    #expect(try Tokenizer(more.span.bytes, vocabularySize: 320).furtherByteCount == 3)
  }
}
