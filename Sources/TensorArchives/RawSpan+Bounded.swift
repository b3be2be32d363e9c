import TraceFormat

extension RawSpan {
  /// At most `count` bytes from an offset on; fewer where the span ends, none outside it.
  func prefix(_ count: Int, at offset: Int) -> [UInt8] {
    guard offset >= 0, offset < byteCount else { return [] }
    return byteArray(offset..<min(byteCount, offset + count))
  }

  /// Whether these bytes stand at an offset.
  func holds(_ bytes: [UInt8], at offset: Int) -> Bool { prefix(bytes.count, at: offset) == bytes }

  /// Whether it is as long as another span and holds the same bytes.
  func holdsSameBytes(as other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    let wordsEnd = byteCount / 8 * 8
    for offset in stride(from: 0, to: wordsEnd, by: 8)
    where integer(at: offset, as: UInt64.self) != other.integer(at: offset, as: UInt64.self) { return false }
    return (wordsEnd..<byteCount).allSatisfy { offset in
      integer(at: offset, as: UInt8.self) == other.integer(at: offset, as: UInt8.self)
    }
  }

  /// Checks that a part lies inside the span.
  ///
  /// - Parameters:
  ///   - what: the part's name in the message.
  ///   - file: the name of the file that the span is.
  func require(_ count: UInt64, at offset: UInt64, _ what: String, _ file: String) throws(ArchiveError) {
    let available = offset > UInt64(byteCount) ? 0 : byteCount - Int(offset)
    guard offset <= UInt64(byteCount), count <= UInt64(available) else {
      throw ArchiveError(
        file, .offset(Int(clamping: offset)), .beyondEnd(what, needed: count, available: available))
    }
  }
}
