import VectorKernels

/// What is known of two records whose chunks hold the same bytes.
package struct EqualRecords {
  /// Number of elements of each.
  package let elementCount: Int
  /// Whether all elements are finite.
  package let isFinite: Bool
}

extension TraceFile {
  /// Compares a record's chunk with another trace's, byte by byte, and checks it as `withRecord` does: since the
  /// checksum is among the bytes, what is right for one is right for both.
  ///
  /// - Parameter otherEntry: a record of the same name, layer and position.
  /// - Returns: nil unless the bytes are the same and the record is good. Why it is not, `withRecord` says.
  package func equalRecords(
    _ entry: RecordEntry, _ other: borrowing TraceFile, _ otherEntry: RecordEntry
  ) -> EqualRecords? {
    let checksumField = ChunkLayout.checksumField
    let (first, second) = (file.bytes, other.file.bytes)
    // Records that differ are told by their checksums, mostly.
    guard entry.chunkLength == otherEntry.chunkLength,
      first.integer(at: entry.offset + checksumField, as: UInt64.self)
        == second.integer(at: otherEntry.offset + checksumField, as: UInt64.self),
      let head = head(entry)
    else { return nil }
    let chunk = first.extracting(entry.offset..<(entry.offset + entry.chunkLength))
    let otherChunk = second.extracting(otherEntry.offset..<(otherEntry.offset + entry.chunkLength))

    var isFinite = true
    var checksum = Checksum()
    // In pieces that stay in the nearest cache between the comparison and the checksum.
    var start = 0
    while start < chunk.byteCount {
      let end = start == 0 ? head.length : min(start + Self.pieceLength, chunk.byteCount)
      let piece = chunk.extracting(start..<end)
      let format = start == 0 ? .integer : ComparisonFormat(head.elementType)
      let result = compareBytes(piece, otherChunk.extracting(start..<end), format)
      guard result.are_equal else { return nil }
      isFinite = isFinite && result.are_finite
      checksum.update(piece)
      start = end
    }
    let recorded = chunk.integer(at: checksumField, as: UInt64.self)
    checksum.blank(recorded, at: UInt64(checksumField / 8))
    let padding = (head.length + head.bodyLength)..<chunk.byteCount
    guard checksum.value == recorded, chunk.isZero(padding) else { return nil }
    return EqualRecords(elementCount: head.bodyLength / head.elementType.size, isFinite: isFinite)
  }

  /// Bytes compared at a time: of both files together they fill half of a nearest cache of 32 kB.
  private static var pieceLength: Int { 8192 }
}

/// Kernel: the addresses of two spans of one length, for the duration of the call.
private func compareBytes(_ first: RawSpan, _ second: RawSpan, _ format: ComparisonFormat) -> ComparisonBytes {
  precondition(first.byteCount == second.byteCount && first.byteCount % ChunkLayout.alignment == 0)
  return first.withUnsafeBytes { left in
    second.withUnsafeBytes { right in
      comparison_of_bytes(.widest, left.baseAddress, right.baseAddress, left.count, format)
    }
  }
}

extension ComparisonFormat {
  /// How the bytes of a format are looked at.
  init(_ type: ElementType) {
    switch type {
    case .float32: self = .float32
    case .float64: self = .float64
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    case .int8: self = .integer
    }
  }
}
