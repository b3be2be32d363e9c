extension TraceStream {
  /// The longest text of a token that is read, so that a damaged length cannot make a whole stream be held in memory.
  private static let longestText = 16 << 20

  /// Reads a chunk behind the header.
  ///
  /// - Returns: the key of a record; nil for anything else.
  mutating func readChunk() throws(TraceError) -> RecordKey? {
    let offset = buffer.offset
    try require(ChunkLayout.alignment)
    let kind = buffer.bytes.byteArray(0..<4)
    do throws(TraceError) {
      switch kind {
      case ChunkLayout.token: try readToken()
      case ChunkLayout.record: return try readRecord()
      case ChunkLayout.index: try readEnd()
      default: throw .unexpectedChunk(offset: 0, expected: "TOKN, TENS or INDX", found: kind)
      }
    } catch { throw error.moved(by: offset) }
    return nil
  }

  /// Reads until a number of bytes is in the buffer.
  private mutating func require(_ count: Int) throws(TraceError) {
    guard try buffer.fill(count) else { throw .cutShort(offset: buffer.offset + buffer.bytes.byteCount) }
  }

  private mutating func readToken() throws(TraceError) {
    let textLength = buffer.bytes.integer(at: ChunkLayout.bodyLengthField, as: UInt64.self)
    guard textLength <= UInt64(Self.longestText) else {
      throw .invalidField(
        .token, offset: 0, field: "length of the text",
        expected: "at most \(Self.longestText), which is what is read from a stream", found: "\(textLength)")
    }
    let extent = try TokenChunk(buffer.bytes, at: 0, available: ChunkLayout.unlimited).extent
    try require(extent.chunkLength)
    try extent.verify(buffer.bytes)
    let chunk = try TokenChunk(buffer.bytes, at: 0)
    if let last, chunk.position < last.key.position {
      let key = RecordKey(.embedding, layer: nil, position: chunk.position)
      throw .outOfOrder(.token, key, offset: buffer.offset, after: last.key)
    }
    if tokens[chunk.position] == nil {
      tokens[chunk.position] = chunk.token(buffer.bytes)
    } else {
      problems.append(.tokenRepeated(position: chunk.position, offset: buffer.offset))
    }
    index.addToken(position: chunk.position, offset: buffer.offset)
    buffer.skip(extent.chunkLength)
  }

  /// Reads a record, which stays at the beginning of the buffer.
  ///
  /// - Returns: its key; nil where it is the second of that key, which is passed over.
  private mutating func readRecord() throws(TraceError) -> RecordKey? {
    let nameLength = Int(buffer.bytes.integer(at: 6, as: UInt16.self))
    // A name that is too long is an error of the record's; no head is longer than this.
    try require(ChunkLayout.recordHead(nameLength: min(nameLength, 255)))
    let record = try RecordChunk(buffer.bytes, at: 0, available: ChunkLayout.unlimited)
    let extent = record.extent
    try require(extent.chunkLength)
    try extent.verify(buffer.bytes)
    let (key, offset) = (record.key, buffer.offset)
    if let last, key < last.key { throw .outOfOrder(.record, key, offset: offset, after: last.key) }
    index.add(key, offset: offset)
    if tokens[key.position] == nil, positionsWithoutToken.insert(key.position).inserted {
      problems.append(.tokenMissing(position: key.position, offset: offset))
    }
    if let last, key == last.key {
      problems.append(.recordedTwice(key, offset: offset, other: last.offset))
      buffer.skip(extent.chunkLength)
      return nil
    }
    last = (key, offset)
    recordCount += 1
    current = CurrentRecord(
      key: key, elementType: record.elementType, shape: record.shape,
      payload: extent.bodyOffset..<(extent.bodyOffset + extent.bodyLength), chunkLength: extent.chunkLength)
    return key
  }

  /// Reads the index and the tail, and checks that nothing comes behind them.
  private mutating func readEnd() throws(TraceError) {
    let indexOffset = buffer.offset
    try readIndex()
    try require(ChunkLayout.tailLength)
    do throws(TraceError) { try readTail(indexOffset) } catch { throw error.moved(by: buffer.offset - indexOffset) }
    let end = buffer.offset + ChunkLayout.tailLength
    buffer.skip(ChunkLayout.tailLength)
    isLive = false
    // More than this need not be counted.
    _ = try buffer.fill(1 << 20)
    guard buffer.bytes.byteCount == 0 else {
      problems.append(.trailingBytes(offset: end, count: buffer.bytes.byteCount))
      return
    }
    isComplete = true
  }

  /// Reads the index in pieces and checks that it says what has come.
  private mutating func readIndex() throws(TraceError) {
    try index.checkHead(buffer.bytes)
    let recorded = buffer.bytes.integer(at: ChunkLayout.checksumField, as: UInt64.self)
    var reader = index.reader()
    while reader.remaining > 0 {
      let count = min(reader.remaining, StreamedIndex.pieceLength)
      try require(count)
      try reader.take(buffer.bytes.extracting(0..<count))
      buffer.skip(count)
    }
    try reader.finish(recorded)
  }

  private func readTail(_ indexOffset: Int) throws(TraceError) {
    let bytes = buffer.bytes
    guard bytes.holds(ChunkLayout.tail, at: 0) else {
      throw .unexpectedChunk(offset: 0, expected: "TAIL", found: bytes.byteArray(0..<4))
    }
    let bodyLength = bytes.integer(at: ChunkLayout.bodyLengthField, as: UInt64.self)
    guard bodyLength == 0 else {
      throw .invalidField(.tail, offset: 0, field: "body length", expected: "0", found: "\(bodyLength)")
    }
    try ChunkExtent(.tail, in: bytes, at: 0, headLength: ChunkLayout.tailLength, bodyLength: 0).verify(bytes)
    try bytes.requireZero(4..<8, of: .tail)
    try bytes.requireZero(32..<64, of: .tail)
    let position = bytes.integer(at: 8, as: UInt64.self)
    guard position == UInt64(indexOffset) else {
      throw .invalidField(
        .tail, offset: 0, field: "offset of the index", expected: "\(indexOffset)", found: "\(position)")
    }
  }
}
