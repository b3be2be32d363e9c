/// Writes a trace: the header at once, then tokens and records as they come, and the index at the end.
///
/// Every chunk is handed to the system before the call returns, so that a process that dies loses nothing it had
/// recorded; only whole blocks may wait, one at a time, while they are written in the background. Memory grows by 24
/// bytes per token and record, for the index, and by a set of the positions whose tokens came before those of earlier
/// positions.
///
/// After a call that could not write, the file ends inside a chunk: every later call throws the same error.
public struct TraceWriter: ~Copyable {
  private let output: BlockOutput
  private var offset: Int
  private var names = NameOrder()
  private var index = BlockList<IndexEntry>()
  /// Every position below has its token.
  private var firstWithoutToken = 0
  /// The positions above with a token.
  private var tokensAhead: Set<Int> = []

  /// Number of records written.
  public private(set) var recordCount = 0

  /// Number of bytes written.
  public var byteCount: Int { offset }

  /// An entry of the index, laid out in memory as in the file.
  private struct IndexEntry: BitwiseCopyable {
    var offset: UInt64
    var name: UInt32
    var layer: Int32
    var position: UInt32
    var zero: UInt32 = 0
  }

  /// Opens `PATH.partial`, or the target itself where it is a pipe or a device (`-` is standard output), and writes the
  /// header.
  ///
  /// - Throws: `TraceError` when the file cannot be written or the header cannot be encoded.
  public init(path: String, header: TraceHeader) throws(TraceError) {
    let chunk = try header.encoded()
    self.init(file: try Self.open(path, writing: chunk), offset: chunk.count)
  }

  private init(file: consuming OutputFile, offset: Int) {
    output = BlockOutput(file)
    self.offset = offset
  }

  private static func open(_ path: String, writing chunk: [UInt8]) throws(TraceError) -> OutputFile {
    do {
      let file = try OutputFile(path: path)
      try file.write(chunk.span.bytes, RawSpan(), RawSpan())
      return file
    } catch { throw .file(error) }
  }

  /// Writes the token of a position; it must come before the position's first record.
  public mutating func token(_ token: TraceToken, position: Int) throws(TraceError) {
    let chunk = try token.chunk(position: position)
    let entry = IndexEntry(
      offset: UInt64(offset), name: ChunkLayout.tokenEntryName, layer: -1, position: UInt32(position))
    try requireNoToken(position)
    try write(chunk.span.bytes, RawSpan(), padding: 0)
    index.append(entry)
    noteToken(position)
  }

  private func requireNoToken(_ position: Int) throws(TraceError) {
    guard !hasToken(position) else { throw .cannotRecord("position \(position) has its token already") }
  }

  private mutating func noteToken(_ position: Int) {
    tokensAhead.insert(position)
    while tokensAhead.remove(firstWithoutToken) != nil { firstWithoutToken += 1 }
  }

  private func hasToken(_ position: Int) -> Bool {
    position < firstWithoutToken || tokensAhead.contains(position)
  }

  /// Writes a record.
  ///
  /// - Parameters:
  ///   - payload: the elements, row-major; exactly as many bytes as shape and type make.
  /// - Throws: `TraceError` when the record breaks a rule of the format or cannot be written.
  public mutating func record(
    _ key: RecordKey, type: ElementType, shape: TensorShape, payload: RawSpan
  ) throws(TraceError) {
    let name = Array(key.name.text.utf8)
    guard TensorName.isValid(name) else {
      throw .cannotRecord("a name must have 1 to 255 printable ASCII characters without , * ? =: \(key.name.text)")
    }
    guard let place = TraceToken.place(key.position), let layer = Int32(exactly: key.layer ?? -1), layer >= -1 else {
      throw .cannotRecord("\(key): layer or position is out of range")
    }
    guard hasToken(key.position) else { throw .cannotRecord("\(key): the position has no token yet") }
    let length = shape.elementCount?.multipliedReportingOverflow(by: type.size)
    guard let length, !length.overflow, length.partialValue == payload.byteCount else {
      throw .cannotRecord("\(key): \(payload.byteCount) bytes are not \(shape) of \(type.name)")
    }
    var head = ChunkHead(byteCount: ChunkLayout.recordHead(nameLength: name.count), kind: ChunkLayout.record)
    head.put(type.rawValue, at: 4)
    head.put(UInt8(shape.rank), at: 5)
    head.put(UInt16(name.count), at: 6)
    head.put(layer, at: 8)
    head.put(place, at: 12)
    head.put(UInt64(payload.byteCount), at: ChunkLayout.bodyLengthField)
    for axis in 0..<shape.rank { head.put(shape.extent(axis), at: 32 + 4 * axis) }
    head.bytes.replaceSubrange(48..<(48 + name.count), with: name)
    let entry = IndexEntry(
      offset: UInt64(offset), name: names.number(of: key.name), layer: layer, position: place)
    let padding = head.seal(body: payload)
    try write(head.bytes.span.bytes, payload, padding: padding)
    index.append(entry)
    recordCount += 1
  }

  /// Hands over a complete block, to be written in the background, and makes it empty.
  ///
  /// When this returns, all chunks and blocks of earlier calls are with the system; this block may not be. A write that
  /// fails in the background is thrown by the next call.
  package mutating func append(_ block: inout TraceBlock) throws(TraceError) {
    defer { block.removeAll() }
    guard block.isComplete else { throw .cannotRecord("a record of the block was not computed") }
    for entry in block.entries where entry.site == nil { try requireNoToken(Int(entry.position)) }
    do { try output.handOver(&block.memory, byteCount: block.byteCount) } catch { throw .file(error) }
    for entry in block.entries {
      let name: UInt32
      if let site = entry.site {
        name = names.number(of: site)
        recordCount += 1
      } else {
        name = ChunkLayout.tokenEntryName
        noteToken(Int(entry.position))
      }
      index.append(
        IndexEntry(offset: UInt64(offset + entry.offset), name: name, layer: entry.layer, position: entry.position))
    }
    offset += block.byteCount
  }

  /// Waits until all that was written is with the system.
  package func settle() throws(TraceError) {
    do { try output.settle() } catch { throw .file(error) }
  }

  private mutating func write(_ head: RawSpan, _ body: RawSpan, padding: Int) throws(TraceError) {
    do {
      try output.write(head, body, Self.zeros.span.bytes.extracting(0..<padding))
    } catch { throw .file(error) }
    offset += head.byteCount + body.byteCount + padding
  }

  private static let zeros = [UInt8](repeating: 0, count: ChunkLayout.alignment)

  /// Writes the index and the tail and gives the file its name.
  ///
  /// - Returns: number of records and bytes in the file.
  @discardableResult
  public consuming func finish() throws(TraceError) -> (recordCount: Int, byteCount: Int) {
    let indexOffset = offset
    var body: [UInt8] = []
    for name in names.names {
      body += littleEndianBytes(UInt16(name.text.utf8.count))
      body += Array(name.text.utf8)
    }
    body += [UInt8](repeating: 0, count: ChunkLayout.roundedUp(body.count, to: 8) - body.count)
    let bodyLength = body.count + index.count * ChunkLayout.indexEntryLength
    var head = ChunkHead(byteCount: ChunkLayout.indexHead, kind: ChunkLayout.index)
    head.put(UInt32(names.names.count), at: 4)
    head.put(UInt64(index.count), at: 8)
    head.put(UInt64(bodyLength), at: ChunkLayout.bodyLengthField)

    let padding = ChunkLayout.roundedUp(head.bytes.count + bodyLength) - head.bytes.count - bodyLength
    var checksum = Checksum()
    checksum.update(head.bytes.span.bytes)
    checksum.update(body.span.bytes)
    for block in index.blocks { checksum.update(block.span.bytes) }
    checksum.pad(padding)
    head.put(checksum.value, at: ChunkLayout.checksumField)
    try write(head.bytes.span.bytes, body.span.bytes, padding: 0)
    for block in index.blocks { try write(block.span.bytes, RawSpan(), padding: 0) }
    try write(RawSpan(), RawSpan(), padding: padding)

    var tail = ChunkHead(byteCount: ChunkLayout.tailLength, kind: ChunkLayout.tail)
    tail.put(UInt64(indexOffset), at: 8)
    _ = tail.seal(body: RawSpan())
    try write(tail.bytes.span.bytes, RawSpan(), padding: 0)
    let result = (recordCount: recordCount, byteCount: offset)
    do { try output.commit() } catch { throw .file(error) }
    return result
  }
}
