/// A trace file, mapped: records are found through the index and used in place.
///
/// Besides mapped pages it holds 32 bytes per record. Where the index is missing or damaged, everything that is complete
/// can still be read; `problems` says what is not.
public struct TraceFile: ~Copyable, TensorSource, Sendable {
  /// What is known of the run.
  public let header: TraceHeader
  private let file: MappedFile
  private let index: TraceIndex
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
    self.file = file
  }

  /// The tokens by position.
  public var tokens: [Int: TraceToken] { index.tokens }

  /// What is wrong with the file as a whole.
  public var problems: [TraceError] { index.problems }

  /// Whether the file ends with an index and a tail, both undamaged.
  public var isComplete: Bool { index.isComplete }

  /// Number of records.
  public var recordCount: Int { index.entries.count }

  /// Bytes that were read in search of good chunks, where the index is missing or damaged.
  package var searchedByteCount: Int { index.searchedByteCount }

  /// Length of the file in bytes.
  public var byteCount: Int { file.byteCount }

  /// The path it was opened by.
  public var path: String { file.path }

  /// The key of a record, by its place in the order of execution.
  public func key(at place: Int) -> RecordKey { index.key(at: place) }

  /// The key of the next record in the order of execution; nil after the last.
  public mutating func next() -> RecordKey? {
    guard cursor < recordCount else { return nil }
    defer { cursor += 1 }
    return key(at: cursor)
  }

  /// Whether there is a record of a key. It may yet be damaged.
  ///
  /// - Complexity: O(log n).
  package func contains(_ key: RecordKey) -> Bool { index.place(of: key) != nil }

  /// Lends a record; any, at any time.
  ///
  /// - Complexity: O(log n) to find it, or O(1) when it is the one that `next()` named last.
  public func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    try withRecord(key, isVerified: false, body)
  }

  /// Lends a record of which `withRecord` has verified the checksum before; nil when there is none.
  package func withVerifiedRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) -> Result? {
    do throws(TraceError) { return try withRecord(key, isVerified: true, body) } catch { return nil }
  }

  private func withRecord<Result>(
    _ key: RecordKey, isVerified: Bool, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    let isCurrent = cursor > 0 && index.key(at: cursor - 1) == key
    guard let place = isCurrent ? cursor - 1 : index.place(of: key) else { return nil }
    let entry = index.entries[place]
    let bytes = file.bytes
    let record = try RecordChunk(bytes, at: Int(entry.offset))
    guard record.key == key, record.extent.chunkLength == Int(entry.chunkLength) else {
      throw .invalidField(
        .index, offset: Int(entry.offset), field: "entry", expected: "\(key), \(entry.chunkLength) bytes",
        found: "\(record.key), \(record.extent.chunkLength) bytes")
    }
    if !isVerified { try record.extent.verify(bytes) }
    let start = record.extent.bodyOffset
    let payload = bytes.extracting(start..<(start + record.extent.bodyLength))
    return body(RecordView(key: key, elementType: record.elementType, shape: record.shape, payload: payload))
  }
}
