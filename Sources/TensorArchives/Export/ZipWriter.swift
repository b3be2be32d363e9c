import TraceFormat

/// Writes a zip archive of stored members, from its first byte to its last.
struct ZipWriter: ~Copyable {
  /// What the directory must know of a member.
  struct Entry {
    /// The place of the record that it holds; nil where the name is kept.
    let place: Int?
    /// The name, where it does not follow from the record.
    let name: String?
    let checksum: UInt32
    let offset: Int
    let byteCount: Int
  }

  private var output: ExportOutput
  private var entries: [Entry] = []
  /// Numbers from this on need 64 bits.
  private let wideLimit: UInt64

  /// 1 January 1980, so that the same trace gives the same bytes.
  private static let date: UInt16 = 1 << 5 | 1
  private static let alignment = 64
  /// The extra field that stands for room before the data.
  private static let alignmentField: UInt16 = 0xD935

  init(_ output: consuming ExportOutput, wideLimit: UInt64) {
    self.output = output
    self.wideLimit = wideLimit
  }

  /// Number of bytes written.
  var byteCount: Int { output.offset }

  /// Adds a small member.
  mutating func add(_ name: String, _ bytes: [UInt8]) throws(ArchiveError) {
    let entry = Entry(
      place: nil, name: name, checksum: CRC32.of(bytes.span.bytes), offset: output.offset, byteCount: bytes.count)
    try output.append(localHeader(name, entry) + bytes)
    entries.append(entry)
  }

  /// Adds a record as an array.
  mutating func add<Source: RandomAccessSource & ~Copyable>(
    _ key: RecordKey, _ record: ExportRecord, _ source: borrowing Source, header: [UInt8]
  ) throws(ArchiveError) {
    let name = NpzWriter.fileName(ExportName.name(of: key))
    let offset = output.offset
    let wideLimit = wideLimit
    var checksum = CRC32()
    try output.append(key, of: source) { payload in
      checksum.update(header.span.bytes)
      checksum.update(payload)
      let entry = Entry(
        place: record.place, name: nil, checksum: checksum.value, offset: offset,
        byteCount: header.count + payload.byteCount)
      return Self.localHeader(name, entry, wideLimit) + header
    }
    entries.append(
      Entry(
        place: record.place, name: nil, checksum: checksum.value, offset: offset,
        byteCount: header.count + record.byteCount))
  }

  private func localHeader(_ name: String, _ entry: Entry) -> [UInt8] { Self.localHeader(name, entry, wideLimit) }

  private static func localHeader(_ name: String, _ entry: Entry, _ wideLimit: UInt64) -> [UInt8] {
    let size = UInt64(entry.byteCount)
    let isWide = size >= wideLimit
    let stored = isWide ? UInt32(ZipDirectory.isWide) : UInt32(size)
    var extra: [UInt8] = []
    if isWide {
      extra = littleEndian(ZipDirectory.wideField) + littleEndian(UInt16(16)) + littleEndian(size) + littleEndian(size)
    }
    let used = entry.offset + ZipDirectory.localLength + name.utf8.count + extra.count
    // A field of its own has 6 bytes at least.
    let room = 6 + (alignment - (used + 6) % alignment) % alignment
    extra += littleEndian(alignmentField) + littleEndian(UInt16(room - 4)) + littleEndian(UInt16(alignment))
    extra += [UInt8](repeating: 0, count: room - 6)
    return ZipDirectory.localSignature + fixedFields(isWide, entry.checksum, stored, name, extra.count)
      + Array(name.utf8) + extra
  }

  /// What a local header and an entry of the directory share: from the version to the length of the extra fields.
  private static func fixedFields(
    _ isWide: Bool, _ checksum: UInt32, _ size: UInt32, _ name: String, _ extraLength: Int
  ) -> [UInt8] {
    let version: UInt16 = isWide ? 45 : 20
    var bytes = littleEndian(version) + [0, 0, 0, 0, 0, 0]
    bytes += littleEndian(date) + littleEndian(checksum) + littleEndian(size) + littleEndian(size)
    return bytes + littleEndian(UInt16(name.utf8.count)) + littleEndian(UInt16(extraLength))
  }

  /// Writes the directory.
  ///
  /// - Parameter recordName: the name of a member that holds a record.
  mutating func finish(recordName: (Entry) -> String) throws(ArchiveError) {
    let start = output.offset
    for entry in entries { try output.append(directoryEntry(entry.name ?? recordName(entry), entry)) }
    let length = output.offset - start
    let isWide = UInt64(start) >= wideLimit || UInt64(length) >= wideLimit || entries.count >= 0xFFFF
    if isWide { try output.append(wideEnd(start: start, length: length)) }
    let count = littleEndian(isWide ? 0xFFFF : UInt16(entries.count))
    let numbers: [UInt64] = isWide ? [ZipDirectory.isWide, ZipDirectory.isWide] : [UInt64(length), UInt64(start)]
    try output.append(
      ZipDirectory.endSignature + [0, 0, 0, 0] + count + count + numbers.flatMap { littleEndian(UInt32($0)) } + [0, 0])
  }

  private func directoryEntry(_ name: String, _ entry: Entry) -> [UInt8] {
    let (size, offset) = (UInt64(entry.byteCount), UInt64(entry.offset))
    let wide = (size >= wideLimit ? [size, size] : []) + (offset >= wideLimit ? [offset] : [])
    var extra: [UInt8] = []
    if !wide.isEmpty {
      extra = littleEndian(ZipDirectory.wideField) + littleEndian(UInt16(8 * wide.count))
      for number in wide { extra += littleEndian(number) }
    }
    let storedSize = size >= wideLimit ? UInt32(ZipDirectory.isWide) : UInt32(size)
    let storedOffset = offset >= wideLimit ? UInt32(ZipDirectory.isWide) : UInt32(offset)
    // Made by a version that knows 64 bits, on no system in particular; no comment, first disk, no attributes.
    return ZipDirectory.entrySignature + littleEndian(UInt16(45))
      + Self.fixedFields(!wide.isEmpty, entry.checksum, storedSize, name, extra.count)
      + [UInt8](repeating: 0, count: 10) + littleEndian(storedOffset) + Array(name.utf8) + extra
  }

  private func wideEnd(start: Int, length: Int) -> [UInt8] {
    let rest = UInt64(ZipDirectory.wideEndLength - 12)
    let count = UInt64(entries.count)
    var bytes = ZipDirectory.wideEndSignature + littleEndian(rest) + littleEndian(UInt16(45)) + littleEndian(UInt16(45))
    bytes += [UInt8](repeating: 0, count: 8)
    for number in [count, count, UInt64(length), UInt64(start)] { bytes += littleEndian(number) }
    bytes += ZipDirectory.locatorSignature + [0, 0, 0, 0] + littleEndian(UInt64(start + length))
    return bytes + littleEndian(UInt32(1))
  }

  /// Closes the finished file and gives it its name.
  consuming func commit() throws(ArchiveError) { try output.commit() }

  /// Removes the unfinished file.
  consuming func discard() { output.discard() }
}
