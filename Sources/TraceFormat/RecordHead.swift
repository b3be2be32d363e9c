/// The names of a trace as they stand in the heads of its records: each with its padding, in words of 8 bytes.
struct NameFields: Sendable {
  fileprivate let words: [UInt64]
  /// By number of a name: where its words begin; at last, where they all end.
  fileprivate let starts: [Int]
  fileprivate let lengths: [Int]

  init(_ names: [TensorName]) {
    var (words, starts, lengths): ([UInt64], [Int], [Int]) = ([], [0], [])
    for name in names {
      var field = Array(name.text.utf8)
      lengths.append(field.count)
      field += [UInt8](repeating: 0, count: Self.byteCount(nameLength: field.count) - field.count)
      for offset in stride(from: 0, to: field.count, by: 8) {
        words.append(field.span.bytes.integer(at: offset, as: UInt64.self))
      }
      starts.append(words.count)
    }
    (self.words, self.starts, self.lengths) = (words, starts, lengths)
  }

  /// The head of a record, if it says what the index says of it.
  func head(_ file: RawSpan, _ entry: RecordEntry) -> RecordHead? {
    let name = Int(entry.name)
    return RecordHead(
      file, entry, nameLength: lengths[name], nameWords: starts[name]..<starts[name + 1], of: self)
  }

  private static func byteCount(nameLength: Int) -> Int {
    ChunkLayout.recordHead(nameLength: nameLength) - ChunkLayout.recordFixedHead
  }
}

/// The head of a record's chunk, read against the index.
///
/// There is one only where every rule holds that the reader of a single chunk checks, and where key and length are
/// those of the index; it says nothing of the checksum. Nothing is allocated, which counts where records are small.
struct RecordHead {
  let elementType: ElementType
  let shape: TensorShape
  /// Bytes of the head, padding included.
  let length: Int
  /// Bytes of the payload.
  let bodyLength: Int

  fileprivate init?(
    _ file: RawSpan, _ entry: RecordEntry, nameLength: Int, nameWords: Range<Int>, of names: borrowing NameFields
  ) {
    let offset = entry.offset
    let length = ChunkLayout.recordHead(nameLength: nameLength)
    guard entry.chunkLength >= length else { return nil }

    let start = file.integer(at: offset, as: UInt64.self)
    guard UInt32(truncatingIfNeeded: start) == Self.kind, start >> 48 == UInt64(nameLength),
      let elementType = ElementType(rawValue: UInt8(truncatingIfNeeded: start >> 32))
    else { return nil }
    let rank = Int(UInt8(truncatingIfNeeded: start >> 40))
    guard rank <= TensorShape.maximumRank else { return nil }
    let place = UInt64(UInt32(bitPattern: entry.layer)) | UInt64(entry.position) << 32
    guard file.integer(at: offset + 8, as: UInt64.self) == place else { return nil }

    for word in nameWords {
      let at = offset + ChunkLayout.recordFixedHead + 8 * (word - nameWords.lowerBound)
      guard file.integer(at: at, as: UInt64.self) == names.words[word] else { return nil }
    }
    var extents = SIMD4<UInt32>(repeating: 0)
    for index in 0..<TensorShape.maximumRank {
      extents[index] = file.integer(at: offset + 32 + 4 * index, as: UInt32.self)
      guard index < rank || extents[index] == 0 else { return nil }
    }
    let shape = TensorShape(rank: rank, extents: extents)
    let bodyLength = file.integer(at: offset + ChunkLayout.bodyLengthField, as: UInt64.self)
    let (product, overflow) = (shape.elementCount ?? .max).multipliedReportingOverflow(by: elementType.size)
    guard !overflow, UInt64(product) == bodyLength, product <= entry.chunkLength - length,
      ChunkLayout.roundedUp(length + product) == entry.chunkLength
    else { return nil }
    (self.elementType, self.shape, self.length, self.bodyLength) = (elementType, shape, length, product)
  }

  /// `TENS` as a number.
  private static let kind: UInt32 = 0x534E_4554
}
