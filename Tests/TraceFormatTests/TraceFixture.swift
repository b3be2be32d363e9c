import TestSupport
import Testing
import TraceFormat

/// The example of docs/trace-format.md: a complete trace of 576 bytes.
enum TraceFixture {
  static let header = TraceHeader(
    producer: "hexample 1", fields: ["dim": .integer(2), "precision": .text(Array("f32".utf8))])

  static let key = RecordKey(.embedding, layer: nil, position: 0)

  /// Writes the example with `TraceWriter` and reads the file's bytes.
  static func bytes() throws -> [UInt8] {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a.trace"), header: header)
    try writer.token(TraceToken(id: 1, text: Array("\n<s>\n".utf8)), position: 0)
    let values: [Float] = [1, -2.5]
    try writer.record(key, type: .float32, shape: TensorShape(vector: 2), payload: values.span.bytes)
    try writer.finish()
    return try folder.read("a.trace")
  }

  /// Where the example's chunks lie.
  struct Chunk: Sendable {
    let offset: Int
    let length: Int

    static let header = Chunk(offset: 0, length: 0xC0)
    static let token = Chunk(offset: 0xC0, length: 0x40)
    static let record = Chunk(offset: 0x100, length: 0x80)
    static let index = Chunk(offset: 0x180, length: 0x80)
    static let tail = Chunk(offset: 0x200, length: 0x40)
  }

  /// What a trace says of itself; the trace itself cannot be copied into an expectation.
  struct Summary {
    var header: TraceHeader
    var tokens: [Int: TraceToken]
    var problems: [TraceError]
    var isComplete: Bool
    var recordCount: Int
  }

  static func summary(_ trace: borrowing TraceFile) -> Summary {
    Summary(
      header: trace.header, tokens: trace.tokens, problems: trace.problems, isComplete: trace.isComplete,
      recordCount: trace.recordCount)
  }

  static func open(_ bytes: [UInt8]) throws -> TraceFile {
    let file = try MappedFile(copying: bytes, name: "bytes")
    return try TraceFile(file)
  }

  /// Recomputes the checksum of the chunk at an offset, so that a changed field is not hidden behind it.
  static func reseal(_ bytes: inout [UInt8], at offset: Int, length: Int) {
    for index in 16..<24 { bytes[offset + index] = 0 }
    let value = Checksum.of(bytes[offset..<(offset + length)].span.bytes)
    for index in 0..<8 { bytes[offset + 16 + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  /// The example with bytes of a chunk changed and the chunk's checksum right again.
  static func bytes(changed: [Int: UInt8], in chunk: Chunk) throws -> [UInt8] {
    var bytes = try bytes()
    for (offset, value) in changed { bytes[offset] = value }
    reseal(&bytes, at: chunk.offset, length: chunk.length)
    return bytes
  }

  /// Changes several bytes at once, cuts half of the traces off somewhere, and repairs some checksums.
  static func damage(_ bytes: inout [UInt8], _ generator: inout SplitMix) {
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
    }
    if Bool.random(using: &generator) { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator)) }
    var offset = 0
    while Bool.random(using: &generator) || offset == 0, offset + 128 <= bytes.count {
      reseal(&bytes, at: offset, length: offset == 0 ? 128 : 64 * Int.random(in: 1...2, using: &generator))
      offset += 64 * Int.random(in: 1...6, using: &generator)
    }
  }

  /// The values of the example's record; nil when it cannot be read.
  static func values(_ trace: borrowing TraceFile) -> [Double]? {
    try? trace.withRecord(key) { record in (0..<record.elementCount).map { record.element($0) } }
  }
}

/// A rule that the example breaks although every checksum is right.
struct BrokenRule: CustomTestStringConvertible, Sendable {
  var name: String
  /// The new bytes by their offsets.
  var changes: [Int: UInt8]
  var chunk: TraceFixture.Chunk
  var expected: TraceError
  var testDescription: String { name }

  /// The example, changed.
  func bytes() throws -> [UInt8] { try TraceFixture.bytes(changed: changes, in: chunk) }
}
