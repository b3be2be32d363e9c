import Foundation
import PlatformLibc
import TestSupport
import Testing
import TraceFormat

/// Blocks of chunks that are laid out first and filled in any order.
@Suite struct TraceBlockTests {
  static let forms = [
    RecordForm(.embedding, layer: nil, type: .float32, extent: .vector(3)),
    RecordForm(.attentionScores, layer: 0, type: .float64, extent: .rowsByPositions(2)),
    RecordForm(.attentionNormValues, layer: 1, type: .int8, extent: .vector(0)),
    RecordForm(.logits, layer: nil, type: .float32, extent: .vector(1000)),
  ]

  /// Bytes that make no NaN, of which a block would record another.
  private static func payload(_ form: RecordForm, _ position: Int) -> [UInt8] {
    (0..<form.payloadLength(position: position)).map {
      UInt8(truncatingIfNeeded: $0 * 7 + position + form.site.rank) & 0x3F
    }
  }

  private static func shape(_ form: RecordForm, _ position: Int) -> TensorShape {
    let count = form.payloadLength(position: position) / form.type.size
    return form.site == .attentionScores
      ? TensorShape(rows: 2, columns: position + 1) : TensorShape(vector: count)
  }

  private static func token(_ position: Int) -> TraceToken {
    TraceToken(id: position, text: position == 1 ? nil : Array(repeating: 65, count: 40 * position))
  }

  /// Appends the positions as a block, filled from the last record to the first.
  private static func append(
    _ positions: Range<Int>, to writer: inout TraceWriter, _ block: inout TraceBlock
  ) throws {
    var places: [(place: Int, form: RecordForm, position: Int)] = []
    for position in positions {
      try block.addToken(token(position), position: position)
      for form in forms { places.append((block.addRecord(form, position: position), form, position)) }
    }
    try block.allocate()
    for (place, form, position) in places.reversed() {
      block.fill([(place, position, 0)], form, payloads: payload(form, position).span.bytes) { $1(0..<$0) }
    }
    try writer.append(&block)
  }

  /// A file of blocks is the file of the same tokens and records written one by one.
  @Test(arguments: [[7], [1, 1, 1, 1, 1, 1, 1], [1, 4, 2], [5, 1, 1]])
  func blocksMakeTheSameFile(sizes: [Int]) throws {
    let folder = try TemporaryFolder()
    let header = TraceHeader(producer: "test")
    var single = try TraceWriter(path: folder.path("single"), header: header)
    for position in 0..<7 {
      try single.token(Self.token(position), position: position)
      for form in Self.forms {
        let payload = Self.payload(form, position)
        try single.record(
          RecordKey(form.site, layer: form.layer, position: position), type: form.type,
          shape: Self.shape(form, position), payload: payload.span.bytes)
      }
    }
    let expected = try single.finish()
    var writer = try TraceWriter(path: folder.path("blocks"), header: header)
    var block = TraceBlock()
    var start = 0
    for size in sizes {
      try Self.append(start..<(start + size), to: &writer, &block)
      start += size
    }
    let found = try writer.finish()
    #expect(found == expected)
    #expect(try folder.read("blocks") == folder.read("single"))
  }

  /// Blocks and single chunks can take turns.
  @Test func singleChunksAfterBlocks() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    var block = TraceBlock()
    try Self.append(0..<2, to: &writer, &block)
    let payload: [Float] = [1, 2]
    let key = RecordKey(.finalNorm, layer: nil, position: 1)
    try writer.record(key, type: .float32, shape: TensorShape(vector: 2), payload: payload.span.bytes)
    try Self.append(2..<4, to: &writer, &block)
    try writer.finish()
    let trace = try TraceFile(path: folder.path("a"))
    let found = TraceFixture.summary(trace)
    #expect(found.isComplete && found.problems.isEmpty && found.recordCount == 4 * Self.forms.count + 1)
  }

  /// When a block has been appended, those before it are in the file; and when all is settled, it is too.
  @Test func blocksBeforeTheLastAreInTheFile() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    var block = TraceBlock()
    for position in 0..<20 {
      let before = writer.byteCount
      try Self.append(position..<(position + 1), to: &writer, &block)
      let settled = try MappedFile(path: folder.path("a.partial")).byteCount
      #expect(settled >= before)
    }
    try writer.settle()
    let all = writer.byteCount
    let written = try MappedFile(path: folder.path("a.partial")).byteCount
    #expect(written == all)
  }

  /// Who drops a writer leaves all that it was handed.
  @Test func aDroppedWriterLeavesItsBlocks() throws {
    let folder = try TemporaryFolder()
    for _ in 0..<20 {
      var count = 0
      do {
        var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
        var block = TraceBlock()
        try Self.append(0..<3, to: &writer, &block)
        count = writer.byteCount
      }
      #expect(try folder.read("a.partial").count == count)
    }
  }

  /// A record that was laid out and never filled would be garbage with a place in the index.
  @Test func anUnfilledRecordIsAnError() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    var block = TraceBlock()
    try block.addToken(TraceToken(id: 1), position: 0)
    _ = block.addRecord(Self.forms[0], position: 0)
    try block.allocate()
    do throws(TraceError) {
      try writer.append(&block)
      Issue.record("an incomplete block was written")
    } catch { #expect(error == .cannotRecord("a record of the block was not computed")) }
    let count = writer.recordCount
    #expect(count == 0)
  }

  @Test func aTokenThatThereIsIsAnError() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    var block = TraceBlock()
    try Self.append(0..<2, to: &writer, &block)
    do {
      try Self.append(1..<2, to: &writer, &block)
      Issue.record("a second token was written")
    } catch { #expect(error as? TraceError == .cannotRecord("position 1 has its token already")) }
  }

  /// A write that fails in the background is thrown by the next call and by every one after that.
  @Test func aFailedBlockIsKept() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    signal(SIGPIPE, SIG_IGN)
    var writer = try TraceWriter(path: "/dev/fd/\(ends[1])", header: TraceHeader(producer: "test"))
    close(ends[0])
    var block = TraceBlock()
    try Self.append(0..<1, to: &writer, &block)
    var failures: [TraceError] = []
    for position in 1..<3 {
      do { try Self.append(position..<(position + 1), to: &writer, &block) } catch {
        failures.append(try #require(error as? TraceError))
      }
    }
    do throws(TraceError) { try writer.settle() } catch { failures.append(error) }
    do throws(TraceError) { try writer.token(TraceToken(id: 1), position: 9) } catch { failures.append(error) }
    do throws(TraceError) { try writer.finish() } catch { failures.append(error) }
    close(ends[1])
    #expect(failures.count == 5 && failures.allSatisfy { $0 == failures[0] })
    if case .file(let error) = failures.first { #expect(error.isBrokenPipe) } else { Issue.record("\(failures)") }
  }
}
