import Dispatch
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

  /// Who fills the records of a form.
  enum Filling: CaseIterable {
    /// The calling thread, all at once.
    case alone
    /// A thread for each record.
    case aThreadEach
    /// Two threads, the second of which has the greater part.
    case twoThreads

    /// Calls the body for parts that cover 0..<count.
    func share(_ count: Int, _ body: (Range<Int>) -> Void) {
      let bounds =
        switch self {
        case .alone: [0, count]
        case .aThreadEach: Array(0...count)
        case .twoThreads: [0, count / 3, count]
        }
      withoutActuallyEscaping(body) { body in
        nonisolated(unsafe) let body = body
        DispatchQueue.concurrentPerform(iterations: bounds.count - 1) { body(bounds[$0]..<bounds[$0 + 1]) }
      }
    }
  }

  /// Appends the positions as a block, filled from the last form to the first, each from its last record to its first.
  private static func append(
    _ positions: Range<Int>, to writer: inout TraceWriter, _ block: inout TraceBlock, filling: Filling = .alone
  ) throws {
    var places = [[Int]](repeating: [], count: forms.count)
    for position in positions {
      try block.addToken(token(position), position: position)
      for (f, form) in forms.enumerated() { places[f].append(block.addRecord(form, position: position)) }
    }
    try block.allocate()
    for (f, form) in forms.enumerated().reversed() {
      var payloads: [UInt8] = []
      var records: [(place: Int, position: Int, payloadOffset: Int)] = []
      for (place, position) in zip(places[f], positions).reversed() {
        records.append((place, position, payloads.count))
        payloads += payload(form, position)
      }
      block.fill(records, form, payloads: payloads.span.bytes) { filling.share($0, $1) }
    }
    try writer.append(&block)
  }

  /// A file of blocks is the file of the same tokens and records written one by one, whoever fills the blocks.
  @Test(arguments: [[40], [7], [1, 1, 1, 1, 1, 1, 1], [1, 4, 2], [5, 1, 1]], Filling.allCases)
  func blocksMakeTheSameFile(sizes: [Int], filling: Filling) throws {
    let folder = try TemporaryFolder()
    let header = TraceHeader(producer: "test")
    var single = try TraceWriter(path: folder.path("single"), header: header)
    for position in 0..<sizes.reduce(0, +) {
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
      try Self.append(start..<(start + size), to: &writer, &block, filling: filling)
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

  /// A write that fails in the background is thrown by the next call and by every one after that, and nothing follows
  /// it.
  @Test func aFailedBlockIsKept() throws {
    let folder = try TemporaryFolder()
    let pipe = try NamedPipe(path: folder.path("pipe"))
    var writer = try TraceWriter(path: pipe.path, header: TraceHeader(producer: "test"))
    let count = pipe.drain()
    #expect(count == writer.byteCount)
    pipe.closeReader()
    var block = TraceBlock()
    try Self.append(0..<1, to: &writer, &block)
    var failures: [TraceError] = []
    for position in 1..<4 {
      // The write of the first block has failed by the end of the first round; from the second on there is a reader
      // again.
      do { try Self.append(position..<(position + 1), to: &writer, &block) } catch {
        failures.append(try #require(error as? TraceError))
      }
      try pipe.openReader()
    }
    do throws(TraceError) { try writer.settle() } catch { failures.append(error) }
    do throws(TraceError) { try writer.token(TraceToken(id: 1), position: 9) } catch { failures.append(error) }
    do throws(TraceError) { try writer.finish() } catch { failures.append(error) }
    #expect(failures.count == 6 && failures.allSatisfy { $0 == failures[0] })
    if case .file(let error) = failures.first { #expect(error.isBrokenPipe) } else { Issue.record("\(failures)") }
    let rest = pipe.drain()
    #expect(rest == 0, "bytes behind the gap")
  }
}
