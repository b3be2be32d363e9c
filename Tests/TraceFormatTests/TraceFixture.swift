import TestSupport
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

  /// The values of the example's record; nil when it cannot be read.
  static func values(_ trace: borrowing TraceFile) -> [Double]? {
    try? trace.withRecord(key) { record in (0..<record.elementCount).map { record.element($0) } }
  }
}
