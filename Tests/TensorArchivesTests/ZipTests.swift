import TensorArchives
import TestSupport
import Testing
import TraceFormat

@Suite struct ZipTests {
  static let one = Samples.npy([1, 2])
  static let two = Samples.npy([3])

  private func sample(_ change: (inout ZipSample) -> Void = { _ in }) -> [UInt8] {
    var sample = ZipSample([("a", Self.one), ("b/c", Self.two)])
    change(&sample)
    return sample.bytes
  }

  private func error(_ change: (inout ZipSample) -> Void) -> ArchiveError? { Samples.openingError(sample(change)) }

  /// Where the second member's local header begins.
  private var second: Int { 30 + 5 + Self.one.count }
  /// Where the directory begins.
  private var directory: Int { second + 30 + 7 + Self.two.count }
  /// Where the directory's second entry begins.
  private var secondEntry: Int { directory + 46 + 5 }
  /// Where the directory ends.
  private var end: Int { secondEntry + 46 + 7 }

  /// An archive of one member without array, byte by byte.
  @Test func aLiteralArchive() {
    let bytes: [UInt8] =
      [0x50, 0x4B, 3, 4, 20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0x61, 0x2F]
      + [
        0x50, 0x4B, 1, 2, 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0,
      ]
      + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x61, 0x2F] + [0x50, 0x4B, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0, 48, 0, 0, 0]
      + [32, 0, 0, 0, 0, 0]
    #expect(Samples.openingError(bytes) == nil)
  }

  @Test func members() throws {
    let arrays = try Samples.archive(sample()).arrays
    #expect(arrays.map(\.name) == ["a", "b/c"])
    #expect(arrays.map(\.elements.lowerBound) == [30 + 5 + 128, second + 30 + 7 + 128])
    #expect(try arrays.map { try $0.layout.get().shape } == [[2], [1]])
  }

  @Test func aCommentAndABeginningOfAnEndInIt() throws {
    #expect(error { $0.comment = [0x50, 0x4B, 5, 6] + [UInt8](repeating: 7, count: 40) } == nil)
  }

  @Test func checksumsAreVerifiedAtFirstUse() throws {
    let bytes = sample {
      $0.members[1].checksum ^= 1; $0.members[1].localChecksum = $0.members[1].checksum
    }
    let trace = try Samples.trace(bytes, "tensor a -> x.embed axes=position", "tensor b/c -> logits axes=position")
    let expected = UInt32(Samples.crc(Self.two))
    let message =
      ArchiveError(
        "arrays", .offset(second + 37), .wrongChecksum("b/c", expected: expected ^ 1, found: expected)
      ).description
    #expect(try trace.withRecord(RecordKey(.embedding, layer: nil, position: 1)) { $0.element(0) } == 2)
    for _ in 0..<2 {
      #expect(throws: TraceError.foreign(message)) {
        try trace.withRecord(RecordKey(.logits, layer: nil, position: 0)) { _ in }
      }
    }
  }

  @Test func membersThatAreNotRead() {
    #expect(
      error { $0.members[1].method = 8 }
        == ArchiveError("arrays", .offset(secondEntry + 10), .compressed("b/c.npy", method: 8)))
    for flag in [1, 0x40, 0x2000] {
      #expect(
        error { $0.members[1].flags = flag } == ArchiveError("arrays", .offset(secondEntry + 8), .encrypted("b/c.npy")))
    }
    #expect(
      Samples.openingError(ZipSample(ZipSample.Member("archive/data.pkl", [1])).bytes)
        == ArchiveError("arrays", .offset(0), .notAnArray("archive/data.pkl")))
  }

  @Test func arraysAreAsLongAsTheirMembers() {
    let bytes = ZipSample([("a", Self.one + [0])]).bytes
    #expect(
      Samples.openingError(bytes)
        == ArchiveError(
          "arrays", .offset(35 + 128), .invalid("elements", expected: "8 bytes of float32 2", found: "9")))
  }

  @Test func membersThatAreNoArrays() {
    #expect(
      Samples.openingError(ZipSample([("a", [1, 2, 3])]).bytes)
        == ArchiveError(
          "arrays", .offset(35),
          .unexpectedBytes(expected: "the magic 93 4e 55 4d 50 59 of an array", found: [1, 2, 3])))
  }

  @Test func headersThatDiffer() {
    func differs(_ field: String, _ directory: Int, _ local: Int) -> ArchiveError {
      ArchiveError(
        "arrays", .offset(second),
        .headersDiffer("b/c.npy", field: field, directory: UInt64(directory), local: UInt64(local)))
    }
    let (size, checksum) = (Self.two.count, Samples.crc(Self.two))
    #expect(error { $0.members[1].localSize = size + 1 } == differs("size", size, size + 1))
    #expect(error { $0.members[1].localChecksum = 5 } == differs("checksum", checksum, 5))
    #expect(error { $0.members[1].localMethod = 8 } == differs("method", 0, 8))
    #expect(error { $0.members[1].localFlags = 1 } == differs("encryption", 0, 1))
    #expect(
      error { $0.members[1].compressed = 4 }
        == ArchiveError(
          "arrays", .offset(secondEntry + 20),
          .invalid("stored size of member 'b/c.npy'", expected: "\(size)", found: "4")))
    #expect(
      error { $0.members[1].localName = "b/d.npy" }
        == ArchiveError(
          "arrays", .offset(second + 30),
          .invalid("name of a member", expected: "'b/c.npy' as in the directory", found: "'b/d.npy'")))
  }

  /// An archive that was written to a pipe has its numbers behind the members.
  @Test func numbersBehindMembers() throws {
    let bytes = sample {
      $0.members[0].flags = 8
      ($0.members[0].localSize, $0.members[0].localChecksum) = (0, 0)
      $0.members[0].trailer = [UInt8](repeating: 0x55, count: 16)
    }
    #expect(try Samples.archive(bytes).arrays.count == 2)
    // Without the flag, zeros are wrong.
    #expect(error { $0.members[0].localSize = 0 } != nil)
  }

  @Test func membersThatOverlapOrLieOutside() {
    #expect(
      error {
        $0.members[0].size = second; $0.members[0].localSize = second
      }
        == ArchiveError("arrays", .offset(second), .overlapping("a.npy", "b/c.npy")))
    #expect(
      error {
        $0.members[1].offset = 0; $0.members[1].name = "a.npy"
      }
        == ArchiveError(
          "arrays", .offset(0),
          .headersDiffer(
            "a.npy", field: "checksum",
            directory: UInt64(Samples.crc(Self.two)), local: UInt64(Samples.crc(Self.one)))))
    #expect(
      error {
        $0.members[1] = $0.members[0]; $0.members[1].offset = 0
      }
        == ArchiveError("arrays", .offset(0), .overlapping("a.npy", "a.npy")))
    let large = Self.two.count + 60
    #expect(
      error {
        $0.members[1].size = large; $0.members[1].localSize = large
      }
        == ArchiveError(
          "arrays", .offset(second + 37),
          .beyondEnd(
            "member 'b/c.npy' before the directory", needed: UInt64(large), available: Self.two.count)))
    let whole = sample().count
    #expect(
      error {
        $0.members[1].size = 0xFFFF_FFF0; $0.members[1].localSize = 0xFFFF_FFF0
      }
        == ArchiveError(
          "arrays", .offset(second + 37),
          .beyondEnd("member 'b/c.npy'", needed: 0xFFFF_FFF0, available: whole - second - 37)))
    #expect(
      error { $0.members[1].offset = 0x7FFF_FFFF }
        == ArchiveError(
          "arrays", .offset(0x7FFF_FFFF), .beyondEnd("the header of member 'b/c.npy'", needed: 30, available: 0)))
    #expect(
      error { $0.members[1].offset = 1 }
        == ArchiveError(
          "arrays", .offset(1),
          .unexpectedBytes(expected: "the header 50 4b 03 04 of member 'b/c.npy'", found: [0x4B, 3, 4, 20])))
  }

  @Test func duplicateNames() {
    #expect(
      error {
        $0.members[1].name = "a.npy"; $0.members[1].localName = "a.npy"
      }
        == ArchiveError("arrays", .offset(second), .duplicateName("a.npy")))
  }

  @Test func directories() {
    #expect(
      Samples.openingError(Array(sample().dropLast()))
        == ArchiveError(
          "arrays", .offset(end - 1),
          .unexpectedBytes(
            expected: "the end 50 4b 05 06 of a zip directory", found: Array(sample()[(end - 1)..<(end + 3)]))))
    #expect(
      error { $0.disk = 1 }
        == ArchiveError(
          "arrays", .offset(end + 4), .invalid("zip archive", expected: "one file", found: "a part of several")))
    #expect(
      error { $0.directoryOffset = 3 }
        == ArchiveError(
          "arrays", .offset(end + 12),
          .invalid(
            "place of the zip directory", expected: "one that ends at offset \(end)",
            found: "\(end - directory) bytes from offset 3")))
    #expect(
      error { $0.directoryOffset = 0x7FFF_FFFF }?.place == .offset(end + 12))
    #expect(
      error { $0.count = 1 }
        == ArchiveError(
          "arrays", .offset(secondEntry),
          .invalid("directory", expected: "1 entries that fill it", found: "53 more bytes")))
    #expect(
      error { $0.count = 3 }
        == ArchiveError(
          "arrays", .offset(end + 8),
          .beyondEnd("a zip directory of 3 entries", needed: 138, available: end - directory)))
    var bytes = sample()
    bytes[secondEntry + 2] = 9
    #expect(
      Samples.openingError(bytes)
        == ArchiveError(
          "arrays", .offset(secondEntry),
          .unexpectedBytes(expected: "an entry 50 4b 01 02 of the zip directory", found: [0x50, 0x4B, 9, 2])))
    bytes = sample()
    bytes[secondEntry + 32] = 1
    #expect(
      Samples.openingError(bytes)
        == ArchiveError(
          "arrays", .offset(secondEntry), .beyondEnd("an entry of the zip directory", needed: 54, available: 53)))
    bytes = sample()
    bytes[secondEntry + 46] = 0xFF
    #expect(
      Samples.openingError(bytes)
        == ArchiveError(
          "arrays", .offset(secondEntry + 46),
          .invalid("name of a member", expected: "UTF-8 text", found: "\\xff/c.npy")))
  }

  @Test func extraFields() {
    let broken: [UInt8] = [0x77, 0x77, 9, 0, 1]
    #expect(
      error { $0.members[1].extra = broken }
        == ArchiveError(
          "arrays", .offset(end), .beyondEnd("an extra field of a member", needed: 9, available: 1)))
    #expect(
      error { $0.members[1].localExtra = broken }
        == ArchiveError(
          "arrays", .offset(second + 37), .beyondEnd("an extra field of a member", needed: 9, available: 1)))
    #expect(error { $0.members[1].localExtra = [0x77, 0x77, 1, 0, 1, 0, 0] } == nil)
    #expect(
      error { $0.members[1].size = 0xFFFF_FFFF }
        == ArchiveError(
          "arrays", .offset(end),
          .invalid("zip64 field of 'b/c.npy'", expected: "a number for each that is ff ff ff ff", found: "fewer")))
  }

  /// Sizes of 64 bits, as numpy.savez writes into local headers, and a directory with an end of its own.
  @Test func numbersOf64Bits() throws {
    let size = Samples.little(Self.two.count, 8)
    let wide: [UInt8] = [1, 0, 16, 0] + size + size
    func wideEnd(_ start: Int, _ length: Int, count: Int = 2) -> [UInt8] {
      [0x50, 0x4B, 6, 6] + Samples.little(44, 8) + [45, 0, 45, 0] + Samples.little(0, 8) + Samples.little(count, 8)
        + Samples.little(2, 8) + Samples.little(length, 8) + Samples.little(start, 8) + [0x50, 0x4B, 6, 7]
        + Samples.little(0, 4) + Samples.little(start + length, 8) + Samples.little(1, 4)
    }
    let local = sample {
      $0.members[1].localSize = 0xFFFF_FFFF; $0.members[1].localExtra = wide
    }
    #expect(try Samples.archive(local).arrays.count == 2)
    let both: (inout ZipSample) -> Void = {
      $0.members[1].size = 0xFFFF_FFFF
      ($0.members[1].localExtra, $0.members[1].extra) = (wide, wide)
      ($0.count, $0.directoryOffset, $0.directoryLength) = (0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF)
      $0.beforeEnd = { wideEnd($0, $1) }
    }
    #expect(try Samples.archive(sample(both)).arrays.map { try $0.layout.get().shape } == [[2], [1]])
    let start = directory + 20
    #expect(
      error {
        both(&$0); $0.directoryOffset = 4
      }
        == ArchiveError(
          "arrays", .offset(start + 46 + 5 + 46 + 7 + 20),
          .invalid("offset of the zip64 directory", expected: "4 as at its end", found: "\(start)")))
    #expect(
      error {
        both(&$0); $0.beforeEnd = { wideEnd($0, $1, count: 3) }
      }?.rule
        == .invalid("zip archive", expected: "one file", found: "a part of several"))
    #expect(
      error {
        both(&$0)
        $0.beforeEnd = { start, length in
          var bytes = wideEnd(start, length)
          bytes[0] = 0
          return bytes
        }
      }?.rule
        == .invalid(
          "place of the zip64 directory's end", expected: "the bytes 50 4b 06 06 that end at \(start + 124 + 56)",
          found: "\(start + 124)"))
  }

  @Test func namesAreMadeVisible() throws {
    let error = try #require(Samples.openingError(ZipSample(ZipSample.Member("a\u{1b}[31m\n", [1])).bytes))
    #expect(error.description.hasPrefix("arrays: at offset 0: member 'a\\x1b[31m\\n' is no .npy array"))
  }
}
