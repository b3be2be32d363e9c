import Testing
import TestSupport
import TraceFormat

/// The rules of the index that no single chunk can break: each is broken alone, with every checksum right. The reader
/// says which rule it is, and finds the records without the index.
@Suite struct IndexRuleTests {
  struct Entry: Sendable {
    var offset: UInt64
    var name: UInt32
    var layer: Int32 = -1
    var position: UInt32 = 0
  }

  /// The chunks of every case: a token at 128, `b` at 192 and `a` at 320; the index begins at 448.
  static let token = Entry(offset: 128, name: .max)
  static let entries = [token, Entry(offset: 192, name: 0), Entry(offset: 320, name: 1)]
  static let indexOffset = 448

  struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var names: [String] = ["b", "a"]
    var entries: [Entry] = IndexRuleTests.entries
    var expected: TraceError
  }

  private static func invalid(_ offset: Int, _ field: String, _ expected: String, _ found: String) -> TraceError {
    .invalidField(.index, offset: offset, field: field, expected: expected, found: found)
  }

  static let cases = [
    Case(
      testDescription: "a token's entry in a layer",
      entries: [Entry(offset: 128, name: .max, layer: 0)] + entries[1...],
      expected: invalid(520, "layer", "-1 for a token", "0")),
    Case(
      testDescription: "a record's layer below -1",
      entries: [token, Entry(offset: 192, name: 0, layer: -2), entries[2]],
      expected: invalid(544, "layer", "-1 or more", "-2")),
    Case(
      testDescription: "names in another order", names: ["a", "b"],
      entries: [token, Entry(offset: 192, name: 1), Entry(offset: 320, name: 0)],
      expected: invalid(544, "name", "at most 0, the next in order of first occurrence", "1")),
    Case(
      testDescription: "a name that no record has, last", names: ["b", "a", "c"],
      expected: invalid(448, "names", "2, those of the records", "3, c among them")),
    Case(
      testDescription: "a name that no record has, between", names: ["b", "c", "a"],
      entries: [token, entries[1], Entry(offset: 320, name: 2)],
      expected: invalid(576, "name", "at most 1, the next in order of first occurrence", "2")),
    Case(
      testDescription: "a name listed twice", names: ["b", "a", "b"],
      expected: invalid(518, "name", "each name once", "b again")),
    Case(
      testDescription: "a name listed twice, and used", names: ["b", "b"],
      expected: invalid(515, "name", "each name once", "b again")),
  ]

  @Test func theFileWithoutAFaultIsGood() throws {
    let trace = try TraceFixture.open(Self.file(names: ["b", "a"], Self.entries))
    let summary = TraceFixture.summary(trace)
    #expect(summary.problems == [])
    #expect(summary.isComplete)
    #expect(summary.recordCount == 2)
  }

  @Test(arguments: cases)
  func aBrokenRuleIsReported(test: Case) throws {
    let trace = try TraceFixture.open(Self.file(names: test.names, test.entries))
    let summary = TraceFixture.summary(trace)
    #expect(summary.problems == [test.expected])
    #expect(!summary.isComplete)
    #expect(summary.recordCount == 2, "the records are found without the index")
    #expect(summary.tokens[0]?.id == 1)
  }

  /// A complete file with an index of one's own making.
  private static func file(names: [String], _ entries: [Entry]) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    try writer.token(TraceToken(id: 1), position: 0)
    for name in ["b", "a"] {
      let payload = [1 as Float]
      let key = RecordKey(TensorName(name), layer: nil, position: 0)
      try writer.record(key, type: .float32, shape: TensorShape(vector: 1), payload: payload.span.bytes)
    }
    try writer.finish()
    var bytes = Array(try folder.read("a")[0..<indexOffset])

    var body: [UInt8] = []
    for name in names { body += littleEndian(UInt16(name.utf8.count)) + name.utf8 }
    body += zeros(upTo: 8, after: body.count)
    for entry in entries {
      body += littleEndian(entry.offset) + littleEndian(entry.name) + littleEndian(UInt32(bitPattern: entry.layer))
      body += littleEndian(entry.position) + littleEndian(0 as UInt32)
    }
    var index = Array("INDX".utf8) + littleEndian(UInt32(names.count)) + littleEndian(UInt64(entries.count))
    index += littleEndian(0 as UInt64) + littleEndian(UInt64(body.count)) + [UInt8](repeating: 0, count: 32) + body
    index += zeros(upTo: 64, after: index.count)
    bytes += index
    TraceFixture.reseal(&bytes, at: indexOffset, length: index.count)
    let tail = bytes.count
    bytes += Array("TAIL".utf8) + littleEndian(0 as UInt32) + littleEndian(UInt64(indexOffset))
    bytes += [UInt8](repeating: 0, count: 48)
    TraceFixture.reseal(&bytes, at: tail, length: 64)
    return bytes
  }

  private static func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    (0..<MemoryLayout<Value>.size).map { UInt8(truncatingIfNeeded: value >> Value(8 * $0)) }
  }

  private static func zeros(upTo unit: Int, after count: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: (unit - count % unit) % unit)
  }

  // The header's rule: its producer has a place of its own, and no field may take the name.

  @Test func aFieldCalledProducerIsNotWritten() throws {
    let folder = try TemporaryFolder()
    let header = TraceHeader(producer: "test", fields: ["producer": .text(Array("me".utf8))])
    #expect(
      throws: TraceError.cannotRecord("a header field cannot be called producer: the producer has a place of its own")
    ) { _ = try TraceWriter(path: folder.path("a"), header: header).byteCount }
  }

  @Test func aFieldCalledProducerIsRefused() throws {
    let folder = try TemporaryFolder()
    let header = TraceHeader(producer: "test", fields: ["produced": .integer(1), "producen": .integer(2)])
    try TraceWriter(path: folder.path("a"), header: header).finish()
    var bytes = try folder.read("a")
    // The second of two fields of 18 bytes; the last letter of its name is changed.
    bytes[128 + 18 + 9] = UInt8(ascii: "r")
    TraceFixture.reseal(&bytes, at: 0, length: 192)
    #expect(
      throws: TraceError.invalidField(
        .header, offset: 148, field: "field name", expected: "another name: the producer stands in the head",
        found: "producer")
    ) { _ = try TraceFixture.open(bytes).recordCount }
  }

  /// What was found is shown on one line, whatever bytes it is made of: in a field's name, a record's and the index's.
  @Test(arguments: [0x82, 0x131, 0x1C3])
  func namesInMessagesAreVisible(offset: Int) throws {
    var bytes = try TraceFixture.bytes()
    bytes[offset] = 0x0A
    bytes[offset + 1] = 0xFF
    let chunk = offset < 0xC0 ? (0, 0xC0) : offset < 0x180 ? (0x100, 0x80) : (0x180, 0x80)
    TraceFixture.reseal(&bytes, at: chunk.0, length: chunk.1)
    var message = ""
    do {
      let trace = try TraceFixture.open(bytes)
      message = trace.problems.first?.description ?? ""
      if message.isEmpty { _ = try trace.withRecord(TraceFixture.key) { _ in true } }
    } catch { message = "\(error)" }
    #expect(message.contains("\\n\\xff"), "\(message)")
    #expect(!message.contains("\n"))
  }
}
