/// Writes a trace: the header at once, then tokens and records as they come, and the index at the end.
///
/// Every chunk is handed to the system before the call returns, so that a process that dies loses nothing it had
/// recorded. Memory grows by 24 bytes per token and record, for the index, and by a set of the positions whose tokens came
/// before those of earlier positions.
///
/// After a call that could not write, the file ends inside a chunk: every later call throws the same error.
public struct TraceWriter: ~Copyable {
  private let file: OutputFile
  private var offset: Int
  private var names = NameOrder()
  private var index = BlockList<IndexEntry>()
  /// Every position below has its token.
  private var firstWithoutToken = 0
  /// The positions above with a token.
  private var tokensAhead: Set<Int> = []
  private var failure: TraceError?

  /// Number of records written.
  public private(set) var recordCount = 0

  /// Number of bytes written.
  public var byteCount: Int { offset }

  private struct IndexEntry {
    var offset: UInt64
    var name: UInt32
    var layer: Int32
    var position: UInt32
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
    self.file = file
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
    let text = token.text ?? []
    guard let id = Int32(exactly: token.id), id >= 0 else {
      throw .cannotRecord("token \(token.id) is negative or above 2^31")
    }
    guard let place = Self.position(position) else { throw .cannotRecord("position \(position) is out of range") }
    guard !hasToken(position) else { throw .cannotRecord("position \(position) has its token already") }
    var head = ChunkHead(byteCount: ChunkLayout.tokenHead, kind: ChunkLayout.token)
    head.put(id, at: 4)
    head.put(UInt32(token.text == nil ? 0 : 1), at: 8)
    head.put(place, at: 12)
    head.put(UInt64(text.count), at: ChunkLayout.bodyLengthField)
    let entry = IndexEntry(offset: UInt64(offset), name: ChunkLayout.tokenEntryName, layer: -1, position: place)
    try append(&head, body: text.span.bytes, entry)
    tokensAhead.insert(position)
    while tokensAhead.remove(firstWithoutToken) != nil { firstWithoutToken += 1 }
  }

  private func hasToken(_ position: Int) -> Bool {
    position < firstWithoutToken || tokensAhead.contains(position)
  }

  private static func position(_ position: Int) -> UInt32? {
    (0...Int(Int32.max)).contains(position) ? UInt32(position) : nil
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
    guard let place = Self.position(key.position), let layer = Int32(exactly: key.layer ?? -1), layer >= -1 else {
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
    try append(&head, body: payload, entry)
    recordCount += 1
  }

  private mutating func append(_ head: inout ChunkHead, body: RawSpan, _ entry: IndexEntry) throws(TraceError) {
    let padding = head.seal(body: body)
    try write(head.bytes.span.bytes, body, padding: padding)
    index.append(entry)
  }

  private mutating func write(_ head: RawSpan, _ body: RawSpan, padding: Int) throws(TraceError) {
    if let failure { throw failure }
    do {
      try file.write(head, body, Self.zeros.span.bytes.extracting(0..<padding))
    } catch {
      failure = .file(error)
      throw .file(error)
    }
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

    // The entries are encoded block by block, twice: once for the checksum, which stands before them, and once to be
    // written. So the index never exists a second time in memory.
    let padding = ChunkLayout.roundedUp(head.bytes.count + bodyLength) - head.bytes.count - bodyLength
    var checksum = Checksum()
    checksum.update(head.bytes.span.bytes)
    checksum.update(body.span.bytes)
    for block in index.blocks { checksum.update(Self.encode(block).span.bytes) }
    checksum.pad(padding)
    head.put(checksum.value, at: ChunkLayout.checksumField)
    try write(head.bytes.span.bytes, body.span.bytes, padding: 0)
    for block in index.blocks { try write(Self.encode(block).span.bytes, RawSpan(), padding: 0) }
    try write(RawSpan(), RawSpan(), padding: padding)

    var tail = ChunkHead(byteCount: ChunkLayout.tailLength, kind: ChunkLayout.tail)
    tail.put(UInt64(indexOffset), at: 8)
    _ = tail.seal(body: RawSpan())
    try write(tail.bytes.span.bytes, RawSpan(), padding: 0)
    let result = (recordCount: recordCount, byteCount: offset)
    do { try file.commit() } catch { throw .file(error) }
    return result
  }

  private static func encode(_ entries: [IndexEntry]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.count * ChunkLayout.indexEntryLength)
    for entry in entries {
      bytes += littleEndianBytes(entry.offset)
      bytes += littleEndianBytes(entry.name)
      bytes += littleEndianBytes(entry.layer)
      bytes += littleEndianBytes(entry.position)
      bytes += littleEndianBytes(UInt32(0))
    }
    return bytes
  }
}
