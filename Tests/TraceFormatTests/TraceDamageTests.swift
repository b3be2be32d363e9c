import Testing
import TestSupport
import TraceFormat

/// What a reader does with files that are cut, flipped or wrong. Nothing may trap, and nothing may pass unnoticed.
@Suite struct TraceDamageTests {
  /// Visits everything a trace holds.
  ///
  /// - Returns: the values of the example's record if it is whole, and whether anything was reported.
  private func read(_ bytes: [UInt8]) -> (values: [Double]?, isReported: Bool) {
    do {
      let trace = try TraceFixture.open(bytes)
      let values = TraceFixture.values(trace)
      let isReported = !trace.problems.isEmpty || !trace.isComplete || values == nil
      return (values, isReported)
    } catch { return (nil, true) }
  }

  @Test func everyTruncationIsReported() throws {
    let bytes = try TraceFixture.bytes()
    let recordEnd = 0x180
    for length in 0..<bytes.count {
      let (values, isReported) = read(Array(bytes[0..<length]))
      #expect(isReported, "cut at \(length)")
      #expect((values == [1, -2.5]) == (length >= recordEnd), "cut at \(length): complete records stay readable")
    }
  }

  @Test func everyFlippedBitIsReported() throws {
    let bytes = try TraceFixture.bytes()
    for bit in 0..<(bytes.count * 8) {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      let (values, isReported) = read(changed)
      #expect(isReported, "bit \(bit % 8) of byte \(bit / 8)")
      #expect(values == nil || values == [1, -2.5], "a damaged record is never lent")
      // Damage outside the header and the record leaves the record readable.
      if (0xC0..<0x100).contains(bit / 8) || bit / 8 >= 0x180 { #expect(values == [1, -2.5], "byte \(bit / 8)") }
    }
  }

  @Test func trailingBytesAreReported() throws {
    for count in [1, 63, 64, 200] {
      let (values, isReported) = read(try TraceFixture.bytes() + [UInt8](repeating: 0, count: count))
      #expect(isReported)
      #expect(values == [1, -2.5])
      let trace = try TraceFixture.open(try TraceFixture.bytes() + [UInt8](repeating: 0, count: count))
      let problems = trace.problems
      #expect(problems == [.trailingBytes(offset: 576, count: count)])
    }
    // A second trace behind the first is no part of it.
    let twice = try TraceFixture.open(try TraceFixture.bytes() + TraceFixture.bytes())
    let problems = twice.problems
    #expect(problems == [.trailingBytes(offset: 576, count: 576)])
  }

  /// An index can lead to bytes that are no record, though everything else about them is right.
  @Test func aChunkReachedThroughTheIndexMustBeOne() throws {
    let wrong = TraceFixture.Chunk.record.offset + 3
    let trace = try TraceFixture.open(try TraceFixture.bytes(changed: [wrong: UInt8(ascii: "X")], in: .record))
    let isComplete = trace.isComplete
    #expect(isComplete)
    do throws(TraceError) {
      _ = try trace.withRecord(TraceFixture.key) { _ in }
      Issue.record("the record was lent")
    } catch {
      #expect(error == .unexpectedChunk(offset: 0x100, expected: "TENS", found: Array("TENX".utf8)))
    }
  }

  /// A file of nothing but heads, each of which claims the rest of the file, must not be hashed once for each.
  @Test func aCraftedFileIsSearchedInLinearTime() throws {
    let count = 1 << 15
    var head = [UInt8](repeating: 0, count: 64)
    head.replaceSubrange(0..<4, with: Array("TENS".utf8))
    head.replaceSubrange(4..<8, with: [5, 1, 1, 0])
    head[48] = UInt8(ascii: "a")
    var bytes = Array(try TraceFixture.bytes()[0..<0xC0])
    for index in 0..<count {
      let length = (count - index - 1) * 64
      for byte in 0..<4 {
        head[24 + byte] = UInt8(truncatingIfNeeded: length >> (8 * byte))
        head[32 + byte] = head[24 + byte]
      }
      bytes += head
    }
    let trace = try TraceFixture.open(bytes)
    let (searched, records) = (trace.searchedByteCount, trace.recordCount)
    #expect(records == 0)
    #expect(searched > bytes.count && searched <= 9 * bytes.count)
  }

  /// A few lengths that damage made too large do not cost the records behind them.
  @Test func recordsBehindWrongLengthsAreFound() throws {
    var bytes = try manyRecords()
    bytes.removeLast(64)
    var wrong = 0
    for offset in stride(from: 192, to: bytes.count - 1024, by: 64) where wrong < 6 {
      guard bytes[offset..<(offset + 4)].elementsEqual("TENS".utf8) else { continue }
      bytes[offset + 25] ^= 4
      wrong += 1
    }
    let trace = try TraceFixture.open(bytes)
    let records = trace.recordCount
    #expect(wrong == 6 && records == 14)
  }

  @Test(arguments: [
    BrokenRule(
      name: "magic", changes: [0: 0x88], chunk: .header,
      expected: .notATrace(found: [0x88, 0x4C, 0x32, 0x54, 0x52, 0x43, 0x0D, 0x0A])),
    BrokenRule(name: "version", changes: [8: 2], chunk: .header, expected: .unknownVersion(2)),
    BrokenRule(
      name: "body longer than allowed", changes: [0x1B: 2], chunk: .header,
      expected: .invalidField(
        .header, offset: 24, field: "body length", expected: "at most 16777216", found: "33554463")),
    BrokenRule(
      name: "body longer than the file", changes: [0x19: 2], chunk: .header,
      expected: .chunkExceedsFile(.header, offset: 0, needed: 671, available: 576)),
    BrokenRule(
      name: "reserved byte", changes: [0x20: 1], chunk: .header, expected: .nonzeroPadding(.header, offset: 0x20)),
    BrokenRule(
      name: "no producer", changes: [0x40: 0], chunk: .header,
      expected: .invalidField(.header, offset: 64, field: "producer", expected: "UTF-8 text", found: "none")),
    BrokenRule(
      name: "byte after the producer", changes: [0x50: 1], chunk: .header,
      expected: .nonzeroPadding(.header, offset: 0x50)),
    BrokenRule(
      name: "field type", changes: [0x80: 0x78], chunk: .header,
      expected: .invalidField(.header, offset: 0x80, field: "type of dim", expected: "i", found: "byte 120")),
    BrokenRule(
      name: "field name", changes: [0x82: 0x44], chunk: .header,
      expected: .invalidField(
        .header, offset: 0x82, field: "field name", expected: "1 to 64 of the characters a-z, 0-9 and _", found: "Dim")),
    BrokenRule(
      name: "fields out of order", changes: [0x82: 0x7A], chunk: .header,
      expected: .invalidField(
        .header, offset: 0x8D, field: "field name", expected: "one after zim", found: "precision")),
    BrokenRule(
      name: "fewer fields than the body has", changes: [0x0C: 1], chunk: .header,
      expected: .invalidField(.header, offset: 12, field: "number of fields", expected: "all of the body's", found: "1")
    ),
    BrokenRule(
      name: "more fields than the body has", changes: [0x0C: 3], chunk: .header,
      expected: .invalidField(
        .header, offset: 0x9F, field: "field", expected: "at most 0 bytes left in the body", found: "2")),
  ])
  func brokenHeaderIsRefused(rule: BrokenRule) throws {
    let bytes = try rule.bytes()
    #expect(throws: rule.expected) { _ = try TraceFixture.open(bytes).recordCount }
  }

  @Test(arguments: [
    BrokenRule(
      name: "dtype", changes: [0x104: 6], chunk: .record,
      expected: .invalidField(.record, offset: 0x100, field: "dtype", expected: "1 to 5", found: "6")),
    BrokenRule(
      name: "rank", changes: [0x105: 5], chunk: .record,
      expected: .invalidField(.record, offset: 0x100, field: "number of dimensions", expected: "0 to 4", found: "5")),
    BrokenRule(
      name: "name of no length", changes: [0x106: 0], chunk: .record,
      expected: .invalidField(.record, offset: 0x100, field: "length of the name", expected: "1 to 255", found: "0")),
    BrokenRule(
      name: "dimensions that do not make the payload", changes: [0x120: 3], chunk: .record,
      expected: .invalidField(.record, offset: 0x100, field: "payload length", expected: "12 (3)", found: "8")),
    BrokenRule(
      name: "a dimension beyond the rank", changes: [0x124: 1], chunk: .record,
      expected: .nonzeroPadding(.record, offset: 0x124)),
    BrokenRule(
      name: "comma in the name", changes: [0x131: 0x2C], chunk: .record,
      expected: .invalidField(
        .record, offset: 0x100, field: "name", expected: "printable ASCII without , * ? =", found: "x,embed")),
    BrokenRule(
      name: "byte after the name", changes: [0x138: 1], chunk: .record,
      expected: .nonzeroPadding(.record, offset: 0x138)),
    BrokenRule(
      name: "byte after the payload", changes: [0x150: 1], chunk: .record,
      expected: .nonzeroPadding(.record, offset: 0x150)),
    BrokenRule(
      name: "layer below -1", changes: [0x108: 0xFE], chunk: .record,
      expected: .invalidField(.record, offset: 0x100, field: "layer", expected: "-1 or more", found: "-2")),
    BrokenRule(
      name: "another position than the index says", changes: [0x10C: 1], chunk: .record,
      expected: .invalidField(
        .index, offset: 0x100, field: "entry", expected: "x.embed, position 0, 128 bytes",
        found: "x.embed, position 1, 128 bytes")),
    BrokenRule(
      name: "position above 2^31", changes: [0x10F: 0x80], chunk: .record,
      expected: .invalidField(
        .record, offset: 0x100, field: "position", expected: "below 2147483648", found: "2147483648")),
  ])
  func brokenRecordIsNotLent(rule: BrokenRule) throws {
    let trace = try TraceFixture.open(try rule.bytes())
    do throws(TraceError) {
      _ = try trace.withRecord(TraceFixture.key) { _ in true }
      Issue.record("the record was lent")
    } catch { #expect(error == rule.expected) }
  }

  /// A broken index is reported, and the records are found without it.
  @Test(arguments: [
    BrokenRule(
      name: "index outside the file", changes: [0x209: 0xFF], chunk: .tail,
      expected: .invalidField(
        .tail, offset: 0x200, field: "offset of the index", expected: "a multiple of 64 from 192 to 448", found: "65408"
      )),
    BrokenRule(
      name: "index offset that is no multiple of 64", changes: [0x208: 0x81], chunk: .tail,
      expected: .invalidField(
        .tail, offset: 0x200, field: "offset of the index", expected: "a multiple of 64 from 192 to 448", found: "385")),
    BrokenRule(
      name: "index offset of another chunk", changes: [0x208: 0x00, 0x209: 1], chunk: .tail,
      expected: .unexpectedChunk(offset: 0x100, expected: "INDX", found: Array("TENS".utf8))),
    BrokenRule(
      name: "reserved byte of the tail", changes: [0x230: 1], chunk: .tail,
      expected: .nonzeroPadding(.tail, offset: 0x230)),
    BrokenRule(
      name: "entry outside the file", changes: [0x1EA: 0xFF], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x1D0, field: "end", expected: "a multiple of 64 above 192, up to 384", found: "16711936")),
    BrokenRule(
      name: "first entry not at the first chunk", changes: [0x1D0: 0x80], chunk: .index,
      expected: .invalidField(.index, offset: 0x1D0, field: "offset", expected: "192", found: "128")),
    BrokenRule(
      name: "name that does not exist", changes: [0x1F0: 1], chunk: .index,
      expected: .invalidField(.index, offset: 0x1E8, field: "name", expected: "below 1", found: "1")),
    BrokenRule(
      name: "reserved byte of an entry", changes: [0x1FC: 1], chunk: .index,
      expected: .nonzeroPadding(.index, offset: 0x1FC)),
    BrokenRule(
      name: "more entries than bytes", changes: [0x188: 3], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x180, field: "number of entries", expected: "entries of 24 bytes that fill the 48 bytes left",
        found: "3")),
    BrokenRule(
      name: "more names than bytes", changes: [0x184: 0xFF], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x1C9, field: "name", expected: "printable ASCII without , * ? =", found: "")),
  ])
  func brokenIndexIsReported(rule: BrokenRule) throws {
    let trace = try TraceFixture.open(try rule.bytes())
    let traceSummary = TraceFixture.summary(trace)
    #expect(traceSummary.problems.first == rule.expected)
    #expect(!traceSummary.isComplete)
    let values = TraceFixture.values(trace)
    #expect(values == [1, -2.5])
  }

  @Test func recordsAfterDamageAreFoundWithoutAnIndex() throws {
    var bytes = try manyRecords()
    let whole = try TraceFixture.open(bytes)
    let wholeSummary = TraceFixture.summary(whole)
    #expect(wholeSummary.recordCount == 20)
    bytes[700] ^= 4
    bytes.removeLast(64)
    let trace = try TraceFixture.open(bytes)
    let traceSummary = TraceFixture.summary(trace)
    #expect(traceSummary.recordCount == 19)
    #expect(traceSummary.problems.contains { if case .unreadable = $0 { true } else { false } })
    #expect(traceSummary.problems.contains { if case .cutShort = $0 { true } else { false } })
  }

  @Test func doubledRecordsAreReportedAndOneIsKept() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    try writer.token(TraceToken(id: 1), position: 0)
    for value in [Int8(1), 2] {
      let payload = [value]
      try writer.record(TraceFixture.key, type: .int8, shape: TensorShape(vector: 1), payload: payload.span.bytes)
    }
    try writer.finish()
    let trace = try TraceFile(path: folder.path("a"))
    let traceSummary = TraceFixture.summary(trace)
    #expect(traceSummary.recordCount == 1)
    let values = TraceFixture.values(trace)
    #expect(values == [1])
    #expect(
      traceSummary.problems.contains { if case .recordedTwice(TraceFixture.key, _, _) = $0 { true } else { false } })
  }

  /// Seeded changes of several bytes at once, checksums repaired half of the time; nothing may trap.
  @Test(arguments: 1...200 as ClosedRange<UInt64>)
  func randomDamageNeverTraps(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var bytes = try manyRecords()
    TraceFixture.damage(&bytes, &generator)
    guard var trace = try? TraceFixture.open(bytes) else { return }
    var last: RecordKey?
    while let key = trace.next() {
      if let last { #expect(last < key, "seed \(seed)") }
      last = key
      _ = try? trace.withRecord(key) { record in
        #expect(record.shape.elementCount == record.elementCount, "seed \(seed)")
      }
    }
  }

  private func manyRecords() throws -> [UInt8] {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    for position in 0..<4 {
      try writer.token(TraceToken(id: position, text: [65]), position: position)
      for layer in 0..<5 {
        let payload = [Float](repeating: Float(layer), count: 7)
        let key = RecordKey(.queryRotation, layer: layer, position: position)
        try writer.record(key, type: .float32, shape: TensorShape(vector: 7), payload: payload.span.bytes)
      }
    }
    try writer.finish()
    return try folder.read("a")
  }
}
