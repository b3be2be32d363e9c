import TraceFormat

/// A tokenizer in llama2.c's format for a vocabulary of any size.
///
///     0...2     <unk>, <s>, </s>
///     3...258   <0x00> to <0xFF>
///     259...    text pieces: characters, syllables, words with a leading space, then invented words
///
/// Scores of text pieces fall with their ids, as those of trained vocabularies do. Every text piece longer than a
/// character is the concatenation of two earlier ones. Pieces with a leading space are closed under prefixes, so that
/// greedy merging turns each of them, written out, into one token again: whatever pair merges first, the first two
/// pieces together are always a piece. A smaller vocabulary is the beginning of a larger one.
package struct SyntheticTokenizer: Sendable {
  /// Number of tokens.
  package let vocabularySize: Int

  /// Id of `<0x00>`.
  static let firstByteToken = 3
  /// Id of the first text piece, a space.
  static let firstTextToken = firstByteToken + 256

  /// A tokenizer with `vocabularySize` tokens.
  package init(vocabularySize: Int) {
    precondition(vocabularySize >= 0)
    self.vocabularySize = vocabularySize
  }

  /// The file: int32 length of the longest piece, then per token float32 score, int32 length, bytes.
  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    // A sink that appends cannot fail.
    try? emit { piece throws(SynthesisError) in piece.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    return bytes
  }

  /// Writes the file to `PATH.partial` and gives it its name when it is complete.
  ///
  /// - Returns: number of bytes in the file.
  @discardableResult
  package func write(to path: String) throws(SynthesisError) -> Int {
    var byteCount = 0
    try writeFile(path) { write throws(SynthesisError) in
      try emit { piece throws(SynthesisError) in
        try write(piece)
        byteCount += piece.byteCount
      }
    }
    return byteCount
  }

  /// Calls `body` with every token's piece and score, in the order of ids.
  package func forEachToken<Failure: Error>(
    _ body: (_ piece: [UInt8], _ score: Float) throws(Failure) -> Void
  ) throws(Failure) {
    var pieces = SyntheticPieces()
    for id in 0..<vocabularySize {
      let score = id <= Self.firstTextToken ? 0 : -Float(id - Self.firstTextToken)
      try body(pieces.next(), score)
    }
  }

  private func emit(_ write: ByteSink) throws(SynthesisError) {
    var longest = 0
    forEachToken { piece, _ in longest = max(longest, piece.count) }
    var buffer = littleEndianBytes(Int32(longest))
    try forEachToken { piece, score throws(SynthesisError) in
      buffer += littleEndianBytes(score.bitPattern)
      buffer += littleEndianBytes(Int32(piece.count))
      buffer += piece
      if buffer.count >= 1 << 16 {
        try write(buffer.span.bytes)
        buffer.removeAll(keepingCapacity: true)
      }
    }
    try write(buffer.span.bytes)
  }
}
