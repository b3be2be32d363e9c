import TraceFormat

extension Tokenizer {
  /// Opens a tokenizer file.
  ///
  /// - Parameter vocabularySize: number of entries that are read; more in the file are ignored, but counted in
  ///   `furtherByteCount`.
  /// - Throws: `TokenizerError` when the file cannot be read, is damaged, or has fewer entries.
  public init(path: String, vocabularySize: Int) throws(TokenizerError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw .file(error) }
    try self.init(file.bytes, vocabularySize: vocabularySize)
  }

  /// Reads a tokenizer: int32 length of the longest piece, then per token a float32 score, an int32 length and the
  /// piece.
  public init(_ file: RawSpan, vocabularySize: Int) throws(TokenizerError) {
    guard file.byteCount >= 4 else { throw .tooShort(entry: nil, offset: 0, needed: 4, available: file.byteCount) }
    var offset = 4
    var pieces = Pieces()
    var scores: [Float] = []
    for entry in 0..<vocabularySize {
      let available = file.byteCount - offset
      guard available > 0 else { throw .tooFewEntries(expected: vocabularySize, found: entry, offset: offset) }
      guard available >= 8 else { throw .tooShort(entry: entry, offset: offset, needed: 8, available: available) }
      let score = Float(bitPattern: file.integer(at: offset, as: UInt32.self))
      let length = Int(file.integer(at: offset + 4, as: Int32.self))
      guard length >= 0 else { throw .negativeLength(entry: entry, offset: offset + 4, found: length) }
      guard length <= available - 8 else {
        throw .tooShort(entry: entry, offset: offset + 8, needed: length, available: available - 8)
      }
      pieces.append(file.byteArray((offset + 8)..<(offset + 8 + length)))
      scores.append(score)
      offset += 8 + length
    }
    self.init(pieces: pieces, scores: scores, furtherByteCount: file.byteCount - offset)
  }
}
