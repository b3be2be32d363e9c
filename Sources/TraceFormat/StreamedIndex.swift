/// What the index of a stream must say: of the entries their number and checksum, so that they need not be held.
struct StreamedIndex: Sendable {
  /// Bytes of an index that are read at once; a multiple of the alignment.
  static let pieceLength = 1 << 16

  private var names = NameOrder()
  private var entryCount = 0
  private var entries = Checksum()

  /// Takes the token of a position, whose chunk begins at an offset.
  mutating func addToken(position: Int, offset: Int) {
    add(name: ChunkLayout.tokenEntryName, layer: nil, position: position, offset: offset)
  }

  /// Takes a record, whose chunk begins at an offset.
  mutating func add(_ key: RecordKey, offset: Int) {
    add(name: names.number(of: key.name), layer: key.layer, position: key.position, offset: offset)
  }

  private mutating func add(name: UInt32, layer: Int?, position: Int, offset: Int) {
    let layer = UInt32(bitPattern: layer.map { Int32($0) } ?? -1)
    let words: [UInt64] = [UInt64(offset), UInt64(name) | UInt64(layer) << 32, UInt64(position)]
    entries.update(words.span.bytes)
    entryCount += 1
  }

  /// The names as they must stand in the index, with their padding.
  private var nameBytes: [UInt8] {
    var bytes: [UInt8] = []
    for name in names.names { bytes += littleEndianBytes(UInt16(name.text.utf8.count)) + Array(name.text.utf8) }
    return bytes + [UInt8](repeating: 0, count: ChunkLayout.roundedUp(bytes.count, to: 8) - bytes.count)
  }

  /// Checks the head of the index, which is all of it that must be there.
  func checkHead(_ bytes: RawSpan) throws(TraceError) {
    let lengths: [(String, expected: UInt64, found: UInt64)] = [
      ("number of names", UInt64(names.names.count), UInt64(bytes.integer(at: 4, as: UInt32.self))),
      ("number of entries", UInt64(entryCount), bytes.integer(at: 8, as: UInt64.self)),
      (
        "body length", UInt64(nameBytes.count + entryCount * ChunkLayout.indexEntryLength),
        bytes.integer(at: ChunkLayout.bodyLengthField, as: UInt64.self)
      ),
    ]
    for (field, expected, found) in lengths where expected != found {
      throw .invalidField(
        .index, offset: 0, field: field, expected: "\(expected), by what came before it", found: "\(found)")
    }
    try bytes.requireZero(32..<ChunkLayout.indexHead, of: .index)
  }

  /// Who takes the index piece by piece.
  func reader() -> Reader { Reader(names: nameBytes, entryCount: entryCount, entries: entries.value) }

  /// Takes an index piece by piece and compares it with what it must say.
  struct Reader {
    private let expectedNames: UInt64
    private let expectedEntries: UInt64
    private let namesEnd: Int
    private let entriesEnd: Int
    private let end: Int
    private var place = 0
    private var chunk = Checksum()
    private var names = Checksum()
    private var entries = Checksum()

    init(names: [UInt8], entryCount: Int, entries: UInt64) {
      expectedNames = Checksum.of(names.span.bytes)
      expectedEntries = entries
      namesEnd = ChunkLayout.indexHead + names.count
      entriesEnd = namesEnd + entryCount * ChunkLayout.indexEntryLength
      end = ChunkLayout.roundedUp(entriesEnd)
    }

    /// Bytes that have not been taken yet.
    var remaining: Int { end - place }

    /// Takes the next piece, whose length is a multiple of the alignment.
    mutating func take(_ piece: RawSpan) throws(TraceError) {
      chunk.update(piece)
      names.update(part(piece, ChunkLayout.indexHead..<namesEnd))
      entries.update(part(piece, namesEnd..<entriesEnd))
      let padding = clamped(entriesEnd..<end, piece)
      if !padding.isEmpty, !piece.isZero(padding) {
        throw .nonzeroPadding(.index, offset: place + padding.lowerBound)
      }
      place += piece.byteCount
    }

    /// The part of a piece that belongs to a range of the chunk.
    @_lifetime(copy piece)
    private func part(_ piece: RawSpan, _ range: Range<Int>) -> RawSpan { piece.extracting(clamped(range, piece)) }

    private func clamped(_ range: Range<Int>, _ piece: RawSpan) -> Range<Int> {
      let own = range.clamped(to: place..<(place + piece.byteCount))
      return (own.lowerBound - place)..<(own.upperBound - place)
    }

    /// Says what is wrong with what was taken.
    ///
    /// - Parameter recorded: the checksum that stands in the chunk.
    consuming func finish(_ recorded: UInt64) throws(TraceError) {
      chunk.blank(recorded, at: UInt64(ChunkLayout.checksumField / 8))
      guard chunk.value == recorded else {
        throw .wrongChecksum(.index, offset: 0, expected: recorded, found: chunk.value)
      }
      for (field, expected, found) in [
        ("names", expectedNames, names.value), ("entries", expectedEntries, entries.value),
      ] where expected != found {
        throw .invalidField(
          .index, offset: 0, field: field, expected: "those of what came before it", found: "others")
      }
    }
  }
}
