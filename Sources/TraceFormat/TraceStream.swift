/// A trace that is read from a pipe, once and from front to back, while its writer may still be writing.
///
/// It holds one record at a time, and of what has passed the tokens and the checksum of the entries that the index must
/// have; so its memory does not grow with the number of records. Records must come in the order of execution. The first
/// damage ends the stream, since what comes behind it cannot be told apart: `problems` says where.
public struct TraceStream: ~Copyable, TensorSource, Sendable {
  /// What is known of the run.
  public let header: TraceHeader
  /// The tokens that have come so far, by position.
  public internal(set) var tokens: [Int: TraceToken] = [:]
  /// What was found wrong so far.
  public internal(set) var problems: [TraceError] = []
  /// Whether the index and the tail have come, and both are good.
  public internal(set) var isComplete = false
  /// Whether more may come.
  public internal(set) var isLive = true
  /// Number of records that have come so far.
  public internal(set) var recordCount = 0

  var buffer: StreamBuffer
  /// What the index must say of the chunks that have come.
  var index = StreamedIndex()
  var current: CurrentRecord?
  /// The record that came last, and where it began.
  var last: (key: RecordKey, offset: Int)?
  var positionsWithoutToken: Set<Int> = []

  /// The record that is lent; its chunk is at the beginning of the buffer.
  struct CurrentRecord {
    var key: RecordKey
    var elementType: ElementType
    var shape: TensorShape
    var payload: Range<Int>
    var chunkLength: Int
  }

  /// Opens a pipe, a device or a file and reads the header; `-` is standard input.
  ///
  /// - Throws: `TraceError` when it cannot be opened, or does not begin with a good header.
  public init(path: String) throws(TraceError) {
    let descriptor: InputDescriptor
    do { descriptor = try InputDescriptor(opening: path) } catch { throw .file(error) }
    try self.init(descriptor, name: path == "-" ? "standard input" : path)
  }

  /// Reads a trace from an open descriptor, which is closed with the stream.
  ///
  /// - Parameter name: what messages call the stream.
  package init(descriptor: Int32, name: String) throws(TraceError) {
    try self.init(InputDescriptor(descriptor), name: name)
  }

  private init(_ descriptor: consuming InputDescriptor, name: String) throws(TraceError) {
    var buffer = try StreamBuffer(descriptor, name: name)
    header = try Self.readHeader(&buffer)
    self.buffer = buffer
  }

  private static func readHeader(_ buffer: inout StreamBuffer) throws(TraceError) -> TraceHeader {
    let head = ChunkLayout.headerHead
    if try buffer.fill(head), buffer.bytes.holds(TraceHeader.magic, at: 0) {
      let length = buffer.bytes.integer(at: ChunkLayout.bodyLengthField, as: UInt64.self)
      if length <= UInt64(TraceHeader.maximumBodyLength) {
        _ = try buffer.fill(ChunkLayout.roundedUp(head + Int(length)))
      }
    }
    let (header, chunkLength) = try TraceHeader.parse(buffer.bytes)
    buffer.skip(chunkLength)
    return header
  }

  /// Reads up to the next record; nil after the last, or where the stream is damaged or cut short.
  public mutating func next() -> RecordKey? {
    if let current { buffer.skip(current.chunkLength) }
    current = nil
    while isLive {
      do throws(TraceError) {
        if let key = try readChunk() { return key }
      } catch {
        problems.append(error)
        isLive = false
      }
    }
    return nil
  }

  /// Lends the record that `next()` named last; there is no other.
  public func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    guard let current, current.key == key else { return nil }
    let payload = buffer.bytes.extracting(current.payload)
    return body(
      RecordView(key: key, elementType: current.elementType, shape: current.shape, payload: payload))
  }
}
