/// Offsets and sizes that all chunks share; see `docs/trace-format.md`.
///
///     | 0 kind and its own fields | 16 checksum | 24 body length | head ... | body | zero padding to 64 |
enum ChunkLayout {
  static let alignment = 64
  static let checksumField = 16
  static let bodyLengthField = 24

  static let headerHead = 128
  static let tokenHead = 32
  static let recordFixedHead = 48
  static let indexHead = 64
  static let tailLength = 64
  static let indexEntryLength = 24
  static let tokenEntryName: UInt32 = 0xFFFF_FFFF
  /// More bytes than any chunk has; to be rounded up without overflow.
  static let unlimited = Int.max / 2

  static let token = Array("TOKN".utf8)
  static let record = Array("TENS".utf8)
  static let index = Array("INDX".utf8)
  static let tail = Array("TAIL".utf8)

  static func roundedUp(_ count: Int, to unit: Int = alignment) -> Int { (count + unit - 1) / unit * unit }

  static func recordHead(nameLength: Int) -> Int { roundedUp(recordFixedHead + nameLength) }
}

/// A value's bytes in the order of every file of ours and of llama2.c.
package func littleEndianBytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian, Array.init)
}

/// The head of a chunk under construction.
struct ChunkHead {
  var bytes: [UInt8]

  init(byteCount: Int, kind: [UInt8] = []) {
    bytes = [UInt8](repeating: 0, count: byteCount)
    bytes.replaceSubrange(0..<kind.count, with: kind)
  }

  mutating func put<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
    for index in 0..<MemoryLayout<Value>.size {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Value(index * 8))
    }
  }

  /// Computes the checksum over head, body and padding, and puts it into the head.
  ///
  /// - Returns: the number of padding bytes that follow the body.
  mutating func seal(body: RawSpan) -> Int {
    let padding = ChunkLayout.roundedUp(bytes.count + body.byteCount) - bytes.count - body.byteCount
    var checksum = Checksum()
    checksum.update(bytes.span.bytes)
    checksum.update(body)
    checksum.pad(padding)
    put(checksum.value, at: ChunkLayout.checksumField)
    return padding
  }

  /// The whole chunk in one piece.
  consuming func chunk(body: [UInt8]) -> [UInt8] {
    let padding = seal(body: body.span.bytes)
    return bytes + body + [UInt8](repeating: 0, count: padding)
  }
}

/// Where a chunk's head, body and padding lie. Made only for a chunk that fits into its file.
struct ChunkExtent {
  let kind: ChunkKind
  let offset: Int
  let headLength: Int
  let bodyLength: Int

  var bodyOffset: Int { offset + headLength }
  var chunkLength: Int { ChunkLayout.roundedUp(headLength + bodyLength) }

  /// - Parameter available: bytes from the chunk's beginning on; nil stands for all that the span holds.
  init(
    _ kind: ChunkKind, in file: RawSpan, at offset: Int, headLength: Int, bodyLength: UInt64, available: Int? = nil
  ) throws(TraceError) {
    let available = available ?? file.byteCount - offset
    let (needed, overflow) = bodyLength.addingReportingOverflow(UInt64(headLength))
    guard !overflow, needed <= UInt64(available), ChunkLayout.roundedUp(Int(needed)) <= available else {
      throw .chunkExceedsFile(kind, offset: offset, needed: overflow ? .max : needed, available: available)
    }
    self.kind = kind
    self.offset = offset
    self.headLength = headLength
    self.bodyLength = Int(bodyLength)
  }

  /// Checks that the padding is zero and that the checksum is right.
  func verify(_ file: RawSpan) throws(TraceError) {
    let chunk = file.extracting(offset..<(offset + chunkLength))
    let recorded = chunk.integer(at: ChunkLayout.checksumField, as: UInt64.self)
    var checksum = Checksum()
    checksum.update(chunk)
    checksum.blank(recorded, at: UInt64(ChunkLayout.checksumField / 8))
    guard checksum.value == recorded else {
      throw .wrongChecksum(kind, offset: offset, expected: recorded, found: checksum.value)
    }
    try file.requireZero((bodyOffset + bodyLength)..<(offset + chunkLength), of: kind)
  }
}

extension RawSpan {
  /// The little-endian integer at an offset, which need not be aligned. Traps outside the span.
  package func integer<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Value.Type) -> Value {
    Value(littleEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: type))
  }

  /// A copy of some bytes. Traps outside the span.
  package func byteArray(_ range: Range<Int>) -> [UInt8] {
    range.map { unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
  }

  func requireZero(_ range: Range<Int>, of kind: ChunkKind) throws(TraceError) {
    guard !isZero(range) else { return }
    for offset in range where unsafeLoad(fromByteOffset: offset, as: UInt8.self) != 0 {
      throw .nonzeroPadding(kind, offset: offset)
    }
  }

  /// Whether all bytes of a range are zero. Traps outside the span.
  func isZero(_ range: Range<Int>) -> Bool {
    var offset = range.lowerBound
    var found: UInt64 = 0
    while range.upperBound - offset >= 8 {
      found |= integer(at: offset, as: UInt64.self)
      offset += 8
    }
    while offset < range.upperBound {
      found |= UInt64(integer(at: offset, as: UInt8.self))
      offset += 1
    }
    return found == 0
  }

  /// Whether the bytes from an offset on are these. Traps outside the span.
  func holds(_ bytes: [UInt8], at offset: Int) -> Bool {
    for index in bytes.indices where integer(at: offset + index, as: UInt8.self) != bytes[index] { return false }
    return true
  }
}
