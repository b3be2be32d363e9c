/// A token chunk.
struct TokenChunk {
  let extent: ChunkExtent
  let position: Int
  let id: Int
  let textIsKnown: Bool

  /// Reads and checks everything but the checksum.
  ///
  /// - Parameter available: bytes from the chunk's beginning on, where the span holds only its head; nil stands for all
  ///   that the span holds.
  init(_ file: RawSpan, at offset: Int, available: Int? = nil) throws(TraceError) {
    try requireKind(file, ChunkLayout.token, at: offset)
    let head = ChunkLayout.tokenHead
    let bodyLength = file.integer(at: offset + ChunkLayout.bodyLengthField, as: UInt64.self)
    extent = try ChunkExtent(
      .token, in: file, at: offset, headLength: head, bodyLength: bodyLength, available: available)
    let id = file.integer(at: offset + 4, as: Int32.self)
    guard id >= 0 else {
      throw .invalidField(.token, offset: offset, field: "id", expected: "0 or more", found: "\(id)")
    }
    self.id = Int(id)
    let flag = file.integer(at: offset + 8, as: UInt32.self)
    guard flag == 1 || (flag == 0 && bodyLength == 0) else {
      throw .invalidField(
        .token, offset: offset, field: "text", expected: "1, or 0 and no bytes",
        found: "\(flag) and \(bodyLength) bytes")
    }
    textIsKnown = flag == 1
    position = try parsePosition(file, .token, at: offset)
  }

  func token(_ file: RawSpan) -> TraceToken {
    let start = extent.bodyOffset
    return TraceToken(id: id, text: textIsKnown ? file.byteArray(start..<(start + extent.bodyLength)) : nil)
  }
}

/// A record chunk.
struct RecordChunk {
  let extent: ChunkExtent
  let key: RecordKey
  let elementType: ElementType
  let shape: TensorShape

  /// Reads and checks everything but the checksum.
  ///
  /// - Parameter available: bytes from the chunk's beginning on, where the span holds only its head; nil stands for all
  ///   that the span holds.
  init(_ file: RawSpan, at offset: Int, available: Int? = nil) throws(TraceError) {
    func invalid(_ field: String, _ expected: String, _ found: String) -> TraceError {
      .invalidField(.record, offset: offset, field: field, expected: expected, found: found)
    }
    try requireKind(file, ChunkLayout.record, at: offset)
    let nameLength = Int(file.integer(at: offset + 6, as: UInt16.self))
    guard (1...255).contains(nameLength) else { throw invalid("length of the name", "1 to 255", "\(nameLength)") }
    let head = ChunkLayout.recordHead(nameLength: nameLength)
    let bodyLength = file.integer(at: offset + ChunkLayout.bodyLengthField, as: UInt64.self)
    extent = try ChunkExtent(
      .record, in: file, at: offset, headLength: head, bodyLength: bodyLength, available: available)

    let typeByte = file.integer(at: offset + 4, as: UInt8.self)
    guard let elementType = ElementType(rawValue: typeByte) else { throw invalid("dtype", "1 to 5", "\(typeByte)") }
    let rank = Int(file.integer(at: offset + 5, as: UInt8.self))
    guard rank <= TensorShape.maximumRank else { throw invalid("number of dimensions", "0 to 4", "\(rank)") }
    var extents = SIMD4<UInt32>(repeating: 0)
    for index in 0..<TensorShape.maximumRank {
      extents[index] = file.integer(at: offset + 32 + 4 * index, as: UInt32.self)
      guard index < rank || extents[index] == 0 else {
        throw .nonzeroPadding(.record, offset: offset + 32 + 4 * index)
      }
    }
    let shape = TensorShape(rank: rank, extents: extents)
    let (length, overflow) = (shape.elementCount ?? .max).multipliedReportingOverflow(by: elementType.size)
    guard !overflow, UInt64(length) == bodyLength else {
      throw invalid("payload length", overflow ? "a product below 2^63" : "\(length) (\(shape))", "\(bodyLength)")
    }
    let nameStart = offset + ChunkLayout.recordFixedHead
    let name = file.byteArray(nameStart..<(nameStart + nameLength))
    let text = String(decoding: name, as: UTF8.self)
    guard TensorName.isValid(name) else {
      throw invalid("name", "printable ASCII without , * ? =", visibleText(name))
    }
    try file.requireZero((nameStart + nameLength)..<(offset + head), of: .record)
    let layer = file.integer(at: offset + 8, as: Int32.self)
    guard layer >= -1 else { throw invalid("layer", "-1 or more", "\(layer)") }
    let position = try parsePosition(file, .record, at: offset)
    key = RecordKey(TensorName(text), layer: layer < 0 ? nil : Int(layer), position: position)
    self.elementType = elementType
    self.shape = shape
  }
}

private func requireKind(_ file: RawSpan, _ kind: [UInt8], at offset: Int) throws(TraceError) {
  guard file.holds(kind, at: offset) else {
    let found = file.byteArray(offset..<(offset + 4))
    throw .unexpectedChunk(offset: offset, expected: String(decoding: kind, as: UTF8.self), found: found)
  }
}

private func parsePosition(_ file: RawSpan, _ kind: ChunkKind, at offset: Int) throws(TraceError) -> Int {
  let position = file.integer(at: offset + 12, as: UInt32.self)
  guard position <= UInt32(Int32.max) else {
    throw .invalidField(kind, offset: offset, field: "position", expected: "below 2147483648", found: "\(position)")
  }
  return Int(position)
}

/// The index as it stands in a complete file: names, and the place of the entries.
struct IndexChunk {
  let extent: ChunkExtent
  let names: [String]
  let entriesOffset: Int
  let entryCount: Int

  /// Finds the index through the tail and checks both, checksums included.
  ///
  /// - Parameter headerLength: where the first token or record begins.
  init(_ file: RawSpan, headerLength: Int) throws(TraceError) {
    let tail = file.byteCount - ChunkLayout.tailLength
    guard tail >= headerLength, tail % ChunkLayout.alignment == 0,
      file.byteArray(tail..<(tail + 4)) == ChunkLayout.tail
    else { throw .cutShort(offset: file.byteCount) }
    let tailBody = file.integer(at: tail + ChunkLayout.bodyLengthField, as: UInt64.self)
    guard tailBody == 0 else {
      throw .invalidField(.tail, offset: tail, field: "body length", expected: "0", found: "\(tailBody)")
    }
    try ChunkExtent(.tail, in: file, at: tail, headLength: ChunkLayout.tailLength, bodyLength: 0).verify(file)
    try file.requireZero((tail + 4)..<(tail + 8), of: .tail)
    try file.requireZero((tail + 32)..<(tail + 64), of: .tail)

    let position = file.integer(at: tail + 8, as: UInt64.self)
    guard let offset = Int(exactly: position), offset >= headerLength, offset % ChunkLayout.alignment == 0,
      offset <= tail - ChunkLayout.indexHead
    else {
      throw .invalidField(
        .tail, offset: tail, field: "offset of the index",
        expected: "a multiple of 64 from \(headerLength) to \(tail - ChunkLayout.indexHead)", found: "\(position)")
    }
    guard file.byteArray(offset..<(offset + 4)) == ChunkLayout.index else {
      throw .unexpectedChunk(offset: offset, expected: "INDX", found: file.byteArray(offset..<(offset + 4)))
    }
    let bodyLength = file.integer(at: offset + ChunkLayout.bodyLengthField, as: UInt64.self)
    extent = try ChunkExtent(.index, in: file, at: offset, headLength: ChunkLayout.indexHead, bodyLength: bodyLength)
    guard offset + extent.chunkLength == tail else {
      throw .invalidField(
        .index, offset: offset, field: "body length", expected: "a chunk that ends at \(tail)", found: "\(bodyLength)")
    }
    try extent.verify(file)
    try file.requireZero((offset + 32)..<(offset + 64), of: .index)

    var cursor = extent.bodyOffset
    let end = extent.bodyOffset + extent.bodyLength
    var names: [String] = []
    var known: Set<String> = []
    for _ in 0..<file.integer(at: offset + 4, as: UInt32.self) {
      guard end - cursor >= 2 else { throw Self.invalidNames(cursor, "2 bytes of length", "\(end - cursor)") }
      let length = Int(file.integer(at: cursor, as: UInt16.self))
      guard length <= end - cursor - 2 else {
        throw Self.invalidNames(cursor, "at most \(end - cursor - 2) bytes", "\(length)")
      }
      let name = file.byteArray((cursor + 2)..<(cursor + 2 + length))
      guard TensorName.isValid(name) else {
        throw Self.invalidNames(cursor, "printable ASCII without , * ? =", visibleText(name))
      }
      let text = String(decoding: name, as: UTF8.self)
      guard known.insert(text).inserted else { throw Self.invalidNames(cursor, "each name once", "\(text) again") }
      names.append(text)
      cursor += 2 + length
    }
    let padded = extent.bodyOffset + ChunkLayout.roundedUp(cursor - extent.bodyOffset, to: 8)
    guard padded <= end else { throw Self.invalidNames(cursor, "padding to a multiple of 8", "the end of the index") }
    try file.requireZero(cursor..<padded, of: .index)
    let count = file.integer(at: offset + 8, as: UInt64.self)
    guard count <= UInt64(end - padded), Int(count) * ChunkLayout.indexEntryLength == end - padded else {
      throw .invalidField(
        .index, offset: offset, field: "number of entries",
        expected: "entries of 24 bytes that fill the \(end - padded) bytes left", found: "\(count)")
    }
    self.names = names
    entriesOffset = padded
    entryCount = Int(count)
  }

  private static func invalidNames(_ offset: Int, _ expected: String, _ found: String) -> TraceError {
    .invalidField(.index, offset: offset, field: "name", expected: expected, found: found)
  }
}
