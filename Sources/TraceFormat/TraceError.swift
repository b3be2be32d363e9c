/// What is wrong with a trace: a case per broken rule of `docs/trace-format.md`, with the byte offset, what was
/// expected and what was found.
public enum TraceError: Error, Equatable, Sendable {
  /// A system call failed.
  case file(FileError)
  /// The first bytes are not a trace's magic.
  case notATrace(found: [UInt8])
  /// The version is one that this reader does not know.
  case unknownVersion(UInt32)
  /// The file ends inside a chunk.
  case chunkExceedsFile(ChunkKind, offset: Int, needed: UInt64, available: Int)
  /// At this offset a chunk of the given kinds should begin, and something else stands there.
  case unexpectedChunk(offset: Int, expected: String, found: [UInt8])
  /// A field has a value that the format does not allow.
  case invalidField(ChunkKind, offset: Int, field: String, expected: String, found: String)
  /// The checksum that stands in the file is not that of the chunk.
  case wrongChecksum(ChunkKind, offset: Int, expected: UInt64, found: UInt64)
  /// Padding or a reserved byte is not zero.
  case nonzeroPadding(ChunkKind, offset: Int)
  /// The file ends without a tail: the writer died or is still writing.
  case cutShort(offset: Int)
  /// The file goes on after its tail.
  case trailingBytes(offset: Int, count: Int)
  /// Bytes that belong to no good chunk were passed over.
  case unreadable(offset: Int, byteCount: Int)
  /// One tensor was recorded twice.
  case recordedTwice(RecordKey, offset: Int, other: Int)
  /// One position has two tokens.
  case tokenRepeated(position: Int, offset: Int)
  /// A record's position has no token before it.
  case tokenMissing(position: Int, offset: Int)
  /// A writer was handed something that the format cannot hold.
  case cannotRecord(String)
  /// Something is wrong in a file of another format; the text says where, what was expected and found.
  case foreign(String)
  /// Arrays of another program and what is said of them do not fit: an array that nobody mentions, a record that one
  /// file holds twice. Nothing is damaged by it. The text says where, what was expected and found.
  case unclear(String)
  /// Something is wrong in one of the files that make a trace.
  indirect case inPart(path: String, TraceError)
  /// A header field of a model or a run has different values in two parts of one trace.
  case partsDisagree(field: String, path: String, value: String, otherPath: String, otherValue: String)
  /// The headers say that there are more parts than were given.
  case partsMissing(numbers: [Int], count: Int)
  /// Two files say that they are the same part.
  case partRepeated(number: Int, path: String, otherPath: String)
  /// A header says that there are no parts, or fewer than none.
  case partCountInvalid(Int)
  /// A file says that it is a part of a number that there cannot be.
  case partOutOfRange(number: Int, count: Int, path: String)
  /// Two parts hold different bytes for one record, or for several: the first, and how many more.
  case copiesDiffer(RecordKey, more: Int, path: String, otherPath: String)
  /// Two parts hold different tokens for one position, or for several: the first, and how many more.
  case tokensDiffer(
    position: Int, more: Int, path: String, token: TraceToken, otherPath: String, otherToken: TraceToken)
  /// A chunk of a stream stands behind one that comes later in the order of execution.
  case outOfOrder(ChunkKind, RecordKey, offset: Int, after: RecordKey)
}

extension TraceError {
  /// Whether records may be lost by it: bytes of a file are missing, or cannot be read.
  package var isDamage: Bool {
    switch self {
    case .unclear, .partsDisagree, .partsMissing, .partRepeated, .partCountInvalid, .partOutOfRange, .copiesDiffer,
      .tokensDiffer:
      false
    case .inPart(_, let error): error.isDamage
    default: true
    }
  }
}

/// The kinds of chunk that a trace is made of.
public enum ChunkKind: String, Sendable {
  /// The first chunk.
  case header
  /// The token of a position.
  case token
  /// A tensor.
  case record
  /// The table of tokens and records.
  case index
  /// The last chunk.
  case tail
}

extension TraceError: CustomStringConvertible {
  /// One line in lower case, without the file's name.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .notATrace(let found):
      "not a trace\(FileKind(firstBytes: found).map { " but \($0.rawValue)" } ?? ""): at offset 0 expected the magic "
        + "89 4c 32 54 52 43 0d 0a, found \(Self.hex(found))"
    case .unknownVersion(let version):
      "trace version \(version) at offset 8 is not known; expected version 1"
    case .chunkExceedsFile(let kind, let offset, let needed, let available):
      "\(kind.rawValue) at offset \(offset) needs \(needed) bytes, but only \(available) are left in the file"
    case .unexpectedChunk(let offset, let expected, let found):
      "at offset \(offset) expected \(expected), found \(Self.hex(found))"
    case .invalidField(let kind, let offset, let field, let expected, let found):
      "\(field) of the \(kind.rawValue) at offset \(offset): expected \(expected), "
        + "found \(visibleText(found.utf8))"
    case .wrongChecksum(let kind, let offset, let expected, let found):
      "\(kind.rawValue) at offset \(offset) is damaged: expected checksum \(Self.hex(expected)), found \(Self.hex(found))"
    case .nonzeroPadding(let kind, let offset):
      "\(kind.rawValue): expected a zero byte at offset \(offset)"
    case .cutShort(let offset): "the trace is cut short: it ends at offset \(offset) without a tail"
    case .trailingBytes(let offset, let count):
      "expected the end of the file at offset \(offset), found \(count) more \(count == 1 ? "byte" : "bytes")"
    case .unreadable(let offset, let byteCount):
      "\(byteCount) bytes from offset \(offset) on are damaged and were passed over"
    case .recordedTwice(let key, let offset, let other):
      "\(key) is recorded twice, at offsets \(other) and \(offset)"
    case .tokenRepeated(let position, let offset):
      "the token at offset \(offset) repeats position \(position)"
    case .tokenMissing(let position, let offset):
      "the record at offset \(offset) has no token for its position \(position) before it"
    case .cannotRecord(let reason): reason
    case .foreign(let text), .unclear(let text): text
    case .inPart, .partsDisagree, .partsMissing, .partRepeated, .partCountInvalid, .partOutOfRange, .copiesDiffer,
      .tokensDiffer:
      partsDescription
    case .outOfOrder(let kind, let key, let offset, let other):
      "the \(kind == .token ? "token of position \(key.position)" : "\(key)") at offset \(offset) comes after \(other), "
        + "and a stream must keep the order of execution: write the trace to a file and give its name"
    }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.isEmpty
      ? "the end of the file" : bytes.map { Self.padded(String($0, radix: 16), to: 2) }.joined(separator: " ")
  }

  private static func hex(_ value: UInt64) -> String { padded(String(value, radix: 16), to: 16) }

  private static func padded(_ digits: String, to width: Int) -> String {
    String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
