extension TraceIndex {
  /// How often the search may read what is no good chunk, as a multiple of the file's length.
  private static let searchEffort = 8

  /// Takes one token; a damaged one becomes a problem and leaves its position without a token.
  mutating func readToken(_ bytes: RawSpan, at offset: Int, chunkLength: Int, position: Int) {
    do throws(TraceError) {
      let chunk = try TokenChunk(bytes, at: offset)
      try chunk.extent.verify(bytes)
      guard chunk.position == position, chunk.extent.chunkLength == chunkLength else {
        throw .invalidField(
          .index, offset: offset, field: "entry", expected: "the token of position \(chunk.position)",
          found: "position \(position)")
      }
      add(chunk, bytes)
    } catch { problems.append(error) }
  }

  private mutating func add(_ chunk: TokenChunk, _ bytes: RawSpan) {
    if tokens[chunk.position] != nil {
      problems.append(.tokenRepeated(position: chunk.position, offset: chunk.extent.offset))
    } else {
      tokens[chunk.position] = chunk.token(bytes)
    }
  }

  /// Takes what is complete from a file without a good index, chunk after chunk.
  ///
  /// Where no good chunk begins, the next multiple of 64 at which one does is looked for. What only looks like a chunk
  /// costs its whole length, so the bytes spent on such are limited: a file made to waste time ends the search for long
  /// chunks early, and damage does not come near the limit.
  ///
  /// - Returns: the records in the order of the file, and the names in whose order they are numbered.
  /// - Complexity: O(n) in the length of the file.
  mutating func walk(_ bytes: RawSpan, headerLength: Int) -> (records: [RecordEntry], names: [TensorName]) {
    var records: [RecordEntry] = []
    tokens = [:]
    positionsWithoutToken = []
    positionWithToken = -1
    problems.removeAll { if case .tokenMissing = $0 { true } else { false } }
    let problemsOfTheIndex = problems.count
    searchBudget = Self.searchEffort * bytes.byteCount
    var order = NameOrder()
    var offset = headerLength
    var damageStart: Int?
    var index: Range<Int>?
    func close(_ problems: inout [TraceError], at end: Int) {
      if let start = damageStart { problems.append(.unreadable(offset: start, byteCount: end - start)) }
      damageStart = nil
    }
    while offset < bytes.byteCount {
      guard let (kind, length) = readChunk(bytes, at: offset, &records, &order) else {
        damageStart = damageStart ?? offset
        offset += ChunkLayout.alignment
        continue
      }
      close(&problems, at: offset)
      let end = offset + length
      if kind == .index { index = offset..<end }
      // Where the tail follows its index the trace is over, whatever comes behind it.
      if kind == .tail, let index, index.upperBound == offset,
        bytes.integer(at: offset + 8, as: UInt64.self) == UInt64(index.lowerBound)
      {
        // That the index was not found from the end is only what follows from this.
        problems.removeFirst(end < bytes.byteCount ? problemsOfTheIndex : 0)
        if end < bytes.byteCount { problems.append(.trailingBytes(offset: end, count: bytes.byteCount - end)) }
        break
      }
      offset = end
    }
    // A writer that died inside a chunk leaves a piece of it; that is being cut short, not another damage.
    let isCutShort = problems.contains { if case .cutShort = $0 { true } else { false } }
    if !isCutShort { close(&problems, at: bytes.byteCount) }
    return (records, order.names)
  }

  /// Takes the chunk at an offset, if a good one begins there.
  ///
  /// - Returns: its kind and length; nil when there is no good chunk.
  private mutating func readChunk(
    _ bytes: RawSpan, at offset: Int, _ records: inout [RecordEntry], _ order: inout NameOrder
  ) -> (kind: ChunkKind, length: Int)? {
    guard bytes.byteCount - offset >= ChunkLayout.alignment else { return nil }
    do throws(TraceError) {
      switch bytes.byteArray(offset..<(offset + 4)) {
      case ChunkLayout.token:
        let chunk = try TokenChunk(bytes, at: offset)
        guard isGood(chunk.extent, bytes) else { return nil }
        add(chunk, bytes)
        return (.token, chunk.extent.chunkLength)
      case ChunkLayout.record:
        let chunk = try RecordChunk(bytes, at: offset)
        guard isGood(chunk.extent, bytes) else { return nil }
        let length = chunk.extent.chunkLength
        records.append(
          RecordEntry(
            offset: offset, chunkLength: length, name: order.number(of: chunk.key.name),
            layer: Int32(chunk.key.layer ?? -1), position: UInt32(chunk.key.position)))
        requireToken(for: chunk.key.position, offset: offset)
        return (.record, length)
      case ChunkLayout.index:
        let length = bytes.integer(at: offset + ChunkLayout.bodyLengthField, as: UInt64.self)
        let extent = try ChunkExtent(
          .index, in: bytes, at: offset, headLength: ChunkLayout.indexHead, bodyLength: length)
        return isGood(extent, bytes) ? (.index, extent.chunkLength) : nil
      case ChunkLayout.tail:
        let extent = try ChunkExtent(
          .tail, in: bytes, at: offset, headLength: ChunkLayout.tailLength, bodyLength: 0)
        return isGood(extent, bytes) ? (.tail, extent.chunkLength) : nil
      default:
        return nil
      }
    } catch { return nil }
  }

  /// Whether a chunk's checksum is right, as long as finding out is affordable.
  private mutating func isGood(_ extent: ChunkExtent, _ bytes: RawSpan) -> Bool {
    guard extent.chunkLength <= searchBudget else { return false }
    searchedByteCount += extent.chunkLength
    do throws(TraceError) {
      try extent.verify(bytes)
      return true
    } catch {
      searchBudget -= extent.chunkLength
      return false
    }
  }
}
