import Dispatch
import PlatformLibc
import TestSupport
import Testing
import TraceFormat

/// What comes through a pipe against the same bytes as a file.
@Suite struct TraceStreamTests {
  @Test func aWholeTrace() throws {
    for trace in [StreamFixture.trace(), SyntheticTrace(layers: 2, positions: 3)] {
      let bytes = try StreamFixture.bytes(trace)
      let stream = try StreamFixture.read(bytes)
      #expect(stream == StreamFixture.readFile(bytes))
      #expect(!stream.isReported && stream.keys.count == trace.records.count && stream.tokens == trace.tokens)
    }
  }

  /// Whatever is cut off, what is complete is lent, and the same is said to be wrong as of a file.
  @Test func everyTruncation() throws {
    let bytes = try StreamFixture.bytes(StreamFixture.trace())
    for length in 0..<bytes.count {
      let cut = Array(bytes[0..<length])
      let stream = try StreamFixture.read(cut)
      #expect(stream.isReported, "cut at \(length)")
      #expect(stream == StreamFixture.readFile(cut), "cut at \(length)")
    }
  }

  /// Damage is reported, never lent, and ends the stream.
  @Test func everyFlippedBit() throws {
    let bytes = try StreamFixture.bytes(StreamFixture.trace())
    let whole = try StreamFixture.read(bytes)
    for bit in 0..<(bytes.count * 8) {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      let stream = try StreamFixture.read(changed)
      #expect(stream.isReported, "bit \(bit % 8) of byte \(bit / 8)")
      #expect(StreamFixture.readFile(changed).isReported, "bit \(bit % 8) of byte \(bit / 8)")
      #expect(stream.keys.elementsEqual(whole.keys.prefix(stream.keys.count)), "bit \(bit % 8) of byte \(bit / 8)")
      #expect(stream.keys.allSatisfy { stream.payloads[$0] == whole.payloads[$0] }, "bit \(bit)")
    }
  }

  /// However the bytes come, the same is read.
  @Test(arguments: [1, 7, 64, 100, 5000])
  func inPieces(length: Int) throws {
    let bytes = try StreamFixture.bytes(SyntheticTrace(layers: 1, positions: 2))
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let target = ends[1]
    let writer = DispatchWorkItem {
      for start in stride(from: 0, to: bytes.count, by: length) {
        let piece = Array(bytes[start..<min(start + length, bytes.count)])
        _ = piece.withUnsafeBytes { write(target, $0.baseAddress, $0.count) }
      }
      close(target)
    }
    DispatchQueue.global().async(execute: writer)
    let reading = StreamFixture.read(try TraceStream(descriptor: ends[0], name: "pipe"))
    writer.wait()
    #expect(reading == StreamFixture.readFile(bytes))
  }

  /// A record that is larger than what is read at once, and many that together are.
  @Test func largeRecords() throws {
    let folder = try TemporaryFolder()
    var trace = StreamFixture.trace()
    trace.records[RecordKey(.logits, layer: nil, position: 1)] =
      SyntheticTrace.Record((0..<1_200_000).map { Float($0) })
    for layer in 1..<200 {
      trace.records[RecordKey(.queryRotation, layer: layer, position: 1)] =
        SyntheticTrace.Record((0..<4000).map { Float($0 + layer) })
    }
    let path = try trace.write(to: folder.path("a.trace"))
    let reading = StreamFixture.read(try TraceStream(path: path))
    #expect(reading == StreamFixture.readFile(try folder.read("a.trace")))
    #expect(!reading.isReported && reading.keys.count == trace.records.count)
  }

  @Test func onlyTheCurrentRecordIsLent() throws {
    var stream = try StreamFixture.open(try StreamFixture.bytes(StreamFixture.trace()))
    let before = try stream.withRecord(TraceFixture.key) { _ in true }
    #expect(before == nil)
    let first = stream.next()
    let lent = try stream.withRecord(TraceFixture.key) { $0.element(1) }
    #expect(first == TraceFixture.key && lent == -2.5)
    _ = stream.next()
    let after = try stream.withRecord(TraceFixture.key) { _ in true }
    let isLive = stream.isLive
    #expect(after == nil && isLive)
  }

  @Test func recordsOutOfOrder() throws {
    let trace = StreamFixture.trace()
    let keys = trace.records.keys.sorted()
    let reading = try StreamFixture.read(try StreamFixture.bytes(trace, order: [keys[0], keys[2], keys[1], keys[3]]))
    #expect(reading.keys == [keys[0], keys[2]])
    let problem = try #require(reading.problems.first)
    guard case .outOfOrder(.record, keys[1], let offset, after: keys[2]) = problem else {
      Issue.record("\(problem)")
      return
    }
    #expect(
      problem.description
        == "the q.rope, layer 0, position 0 at offset \(offset) comes after mine, layer 0, position 0, and a stream must keep "
        + "the order of execution: write the trace to a file and give its name")
    #expect(reading.problems.count == 1 && !reading.isComplete)
  }

  @Test func trailingBytes() throws {
    let bytes = try StreamFixture.bytes(StreamFixture.trace())
    for count in [1, 63, 64, 200] {
      let longer = bytes + [UInt8](repeating: 0, count: count)
      let reading = try StreamFixture.read(longer)
      #expect(reading.problems == [.trailingBytes(offset: bytes.count, count: count)])
      #expect(reading == StreamFixture.readFile(longer))
    }
  }

  @Test func aDoubledRecord() throws {
    let trace = StreamFixture.trace()
    let keys = trace.records.keys.sorted()
    let bytes = try StreamFixture.bytes(trace, order: [keys[0], keys[1], keys[1], keys[2], keys[3]])
    let reading = try StreamFixture.read(bytes)
    let file = StreamFixture.readFile(bytes)
    #expect(reading == file)
    #expect(reading.keys == keys && reading.problems.count == 1)
  }

  /// In the example of docs/trace-format.md.
  @Test(arguments: [
    BrokenRule(
      name: "another kind", changes: [0x100: 0x58], chunk: .record,
      expected: .unexpectedChunk(offset: 0x100, expected: "TOKN, TENS or INDX", found: Array("XENS".utf8))),
    BrokenRule(
      name: "no token of the position", changes: [0xCC: 1], chunk: .token,
      expected: .tokenMissing(position: 0, offset: 0x100)),
    BrokenRule(
      name: "negative id", changes: [0xC7: 0x80], chunk: .token,
      expected: .invalidField(.token, offset: 0xC0, field: "id", expected: "0 or more", found: "-2147483647")),
    BrokenRule(
      name: "text of 4 GB", changes: [0xDC: 1], chunk: .token,
      expected: .invalidField(
        .token, offset: 0xC0, field: "length of the text",
        expected: "at most 16777216, which is what is read from a stream", found: "4294967301")),
    BrokenRule(
      name: "dimensions that do not make the payload", changes: [0x120: 3], chunk: .record,
      expected: .invalidField(.record, offset: 0x100, field: "payload length", expected: "12 (3)", found: "8")),
    BrokenRule(
      name: "byte after the payload", changes: [0x150: 1], chunk: .record,
      expected: .nonzeroPadding(.record, offset: 0x150)),
    BrokenRule(
      name: "another position than the index says", changes: [0x1F8: 1], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x180, field: "entries", expected: "those of what came before it", found: "others")),
    BrokenRule(
      name: "another name than the record's", changes: [0x1C2: 0x79], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x180, field: "names", expected: "those of what came before it", found: "others")),
    BrokenRule(
      name: "more names", changes: [0x184: 2], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x180, field: "number of names", expected: "1, by what came before it", found: "2")),
    BrokenRule(
      name: "fewer entries", changes: [0x188: 1], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x180, field: "number of entries", expected: "2, by what came before it", found: "1")),
    BrokenRule(
      name: "a longer body", changes: [0x198: 0x58], chunk: .index,
      expected: .invalidField(
        .index, offset: 0x180, field: "body length", expected: "64, by what came before it", found: "88")),
    BrokenRule(
      name: "reserved byte of the index", changes: [0x1B0: 1], chunk: .index,
      expected: .nonzeroPadding(.index, offset: 0x1B0)),
    BrokenRule(
      name: "another offset of the index", changes: [0x208: 0x40], chunk: .tail,
      expected: .invalidField(
        .tail, offset: 0x200, field: "offset of the index", expected: "384", found: "320")),
    BrokenRule(
      name: "a tail with a body", changes: [0x218: 1], chunk: .tail,
      expected: .invalidField(.tail, offset: 0x200, field: "body length", expected: "0", found: "1")),
    BrokenRule(
      name: "reserved byte of the tail", changes: [0x230: 1], chunk: .tail,
      expected: .nonzeroPadding(.tail, offset: 0x230)),
    BrokenRule(
      name: "no tail", changes: [0x200: 0x58], chunk: .tail,
      expected: .unexpectedChunk(offset: 0x200, expected: "TAIL", found: Array("XAIL".utf8))),
  ])
  func brokenRules(rule: BrokenRule) throws {
    let reading = try StreamFixture.read(try rule.bytes())
    #expect(reading.problems.first == rule.expected)
    #expect(!reading.isComplete)
  }

  /// A token that comes when its position has passed.
  @Test func aLateToken() throws {
    let bytes = try StreamFixture.bytes(StreamFixture.trace())
    // The header's 192 bytes, two tokens, and records of 128 bytes each.
    let (header, tokens, records) = (bytes[..<192], bytes[192..<320], bytes[320..<832])
    let late = Array(header + tokens.suffix(64) + records.suffix(128) + tokens.prefix(64))
    let reading = try StreamFixture.read(late)
    #expect(
      reading.problems == [
        .outOfOrder(
          .token, RecordKey(.embedding, layer: nil, position: 0), offset: 384,
          after: RecordKey(.embedding, layer: nil, position: 1))
      ])
    #expect(reading.problems[0].description.hasPrefix("the token of position 0 at offset 384 comes after x.embed"))
  }

  /// A length that only a crafted file has is not believed before the bytes are there.
  @Test func aClaimedLengthCostsNothing() throws {
    var bytes = Array(try TraceFixture.bytes()[..<0x140])
    for offset in [0x122, 0x123] { bytes[offset] = 0xFF }
    bytes[0x105] = 2
    bytes[0x124] = 0xFF
    let count = UInt64(0xFFFF_0002) * 0xFF * 4
    for index in 0..<8 { bytes[0x118 + index] = UInt8(truncatingIfNeeded: count >> UInt64(8 * index)) }
    let reading = try StreamFixture.read(bytes)
    #expect(reading.problems == [.cutShort(offset: 0x140)])
  }

  /// Seeded changes of several bytes at once, checksums repaired half of the time: nothing may trap, and what is not
  /// reported is what a file of these bytes holds, whole and good.
  @Test(arguments: 1...300 as ClosedRange<UInt64>)
  func randomDamage(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var bytes = try StreamFixture.bytes(SyntheticTrace(layers: 1, positions: 2))
    TraceFixture.damage(&bytes, &generator)
    let reading = try StreamFixture.read(bytes)
    #expect(reading.isReported || reading == StreamFixture.readFile(bytes), "seed \(seed)")
    for (last, key) in zip(reading.keys, reading.keys.dropFirst()) { #expect(last < key, "seed \(seed)") }
  }

  @Test func whatCannotBeOpened() throws {
    let folder = try TemporaryFolder()
    func error(_ path: String) -> TraceError? {
      do throws(TraceError) {
        _ = try TraceStream(path: path).recordCount
        return nil
      } catch { return error }
    }
    #expect(error(folder.path("none"))?.description.hasSuffix("none: cannot open: No such file or directory") == true)
    #expect(error(folder.path("."))?.description.contains("cannot read: Is a directory") == true)
    #expect(error("/dev/null") == .notATrace(found: []))
  }
}
