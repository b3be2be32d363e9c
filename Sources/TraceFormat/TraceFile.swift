/// A trace file, mapped: records are found through the index and used in place.
///
/// Besides mapped pages it holds the tokens and 4 bytes per record. Where the index is missing or damaged, everything
/// that is complete can still be read, for 32 bytes per record; `problems` says what is not.
public struct TraceFile: ~Copyable, RandomAccessSource {
  /// What is known of the run.
  public let header: TraceHeader
  let file: MappedFile
  let index: TraceIndex
  private let nameFields: NameFields
  private var cursor = 0

  /// Opens a trace file.
  ///
  /// - Throws: `TraceError` when the file cannot be mapped or its header is not good. Anything else that is wrong is
  ///   left to `problems` and to the records it concerns.
  public init(path: String) throws(TraceError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw .file(error) }
    try self.init(file)
  }

  /// Reads a trace from mapped bytes.
  public init(_ file: consuming MappedFile) throws(TraceError) {
    let headerLength: Int
    (header, headerLength) = try TraceHeader.parse(file.bytes)
    index = TraceIndex(file.bytes, headerLength: headerLength)
    nameFields = NameFields(index.names)
    self.file = file
  }

  /// The tokens by position.
  public var tokens: [Int: TraceToken] { index.tokens }

  /// What is wrong with the file as a whole.
  public var problems: [TraceError] { index.problems }

  /// Whether the file ends with an index and a tail, both undamaged.
  public var isComplete: Bool { index.isComplete }

  /// Number of records.
  public var recordCount: Int { index.recordCount }

  /// The names of all records, in the order of execution.
  package var names: [TensorName] { index.names }

  /// Bytes that were read in search of good chunks, where the index is missing or damaged.
  package var searchedByteCount: Int { index.searchedByteCount }

  /// Length of the file in bytes.
  public var byteCount: Int { file.byteCount }

  /// The path it was opened by.
  public var path: String { file.path }

  /// The key of a record, by its place in the order of execution.
  public func key(at place: Int) -> RecordKey { index.key(entry(at: place)) }

  /// Where a record stands, by its place in the order of execution.
  package func entry(at place: Int) -> RecordEntry { index.entry(at: place, in: file.bytes) }

  /// Where the layer of a record stands in the order of execution: before the layers, the layers, after them.
  package func layerRank(_ entry: RecordEntry) -> Int { index.layerRank(entry) }

  /// The key of the next record in the order of execution; nil after the last.
  public mutating func next() -> RecordKey? {
    guard cursor < recordCount else { return nil }
    defer { cursor += 1 }
    return key(at: cursor)
  }

  /// Whether there is a record of a key. It may yet be damaged.
  ///
  /// - Complexity: O(log n).
  public func contains(_ key: RecordKey) -> Bool { index.place(of: key, in: file.bytes) != nil }

  /// Lends a record; any, at any time.
  ///
  /// - Complexity: O(log n) to find it, or O(1) when it is the one that `next()` named last.
  public func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    guard let place = place(of: key) else { return nil }
    return try withRecord(at: place, body)
  }

  /// Lends a record of which `withRecord` has verified the checksum before; nil when there is none.
  public func withVerifiedRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) -> Result? {
    do throws(TraceError) {
      guard let place = place(of: key) else { return nil }
      return try withRecord(at: place, isVerified: true, body)
    } catch { return nil }
  }

  private func place(of key: RecordKey) -> Int? {
    let isCurrent = cursor > 0 && self.key(at: cursor - 1) == key
    return isCurrent ? cursor - 1 : index.place(of: key, in: file.bytes)
  }

  /// Lends a record, by its place in the order of execution.
  ///
  /// - Parameter isVerified: whether its checksum has been verified before.
  /// - Throws: what is wrong with the record, its checksum included.
  package func withRecord<Result>(
    at place: Int, isVerified: Bool = false, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result {
    let entry = entry(at: place)
    let key = index.key(entry)
    let bytes = file.bytes
    let (elementType, shape, extent) = try parse(entry, key)
    if !isVerified { try extent.verify(bytes) }
    let payload = bytes.extracting(extent.bodyOffset..<(extent.bodyOffset + extent.bodyLength))
    return body(RecordView(key: key, elementType: elementType, shape: shape, payload: payload))
  }

  /// Reads and checks everything of a record but its checksum: at once where its head says what the index says, field
  /// by field where it does not, to name what is wrong.
  private func parse(
    _ entry: RecordEntry, _ key: RecordKey
  ) throws(TraceError) -> (ElementType, TensorShape, ChunkExtent) {
    let bytes = file.bytes
    if let head = nameFields.head(bytes, entry) {
      let extent = try ChunkExtent(
        .record, in: bytes, at: entry.offset, headLength: head.length, bodyLength: UInt64(head.bodyLength))
      return (head.elementType, head.shape, extent)
    }
    let record = try RecordChunk(bytes, at: entry.offset)
    guard record.key == key, record.extent.chunkLength == entry.chunkLength else {
      throw .invalidField(
        .index, offset: entry.offset, field: "entry", expected: "\(key), \(entry.chunkLength) bytes",
        found: "\(record.key), \(record.extent.chunkLength) bytes")
    }
    return (record.elementType, record.shape, record.extent)
  }

  /// The checksum that stands in the head of a record's chunk; only reading the record tells whether it is right.
  func recordedChecksum(_ entry: RecordEntry) -> UInt64 {
    file.bytes.integer(at: entry.offset + ChunkLayout.checksumField, as: UInt64.self)
  }

  /// Number of a record's elements; nil where its head does not say what the index says.
  package func elementCount(_ entry: RecordEntry) -> Int? {
    head(entry).map { $0.bodyLength / $0.elementType.size }
  }

  /// The head of a record, if it says what the index says of it.
  func head(_ entry: RecordEntry) -> RecordHead? { nameFields.head(file.bytes, entry) }
}
