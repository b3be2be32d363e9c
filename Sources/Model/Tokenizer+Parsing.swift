public import TraceFormat

extension Tokenizer {
  /// Opens a tokenizer file.
  ///
  /// - Parameter vocabularySize: number of entries that are read; more in the file are ignored.
  /// - Throws: `TokenizerError` when the file cannot be read, is damaged, or has fewer entries.
  public init(path: String, vocabularySize: Int) throws(TokenizerError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw .file(error) }
    try self.init(file.bytes, vocabularySize: vocabularySize)
  }

  /// Reads a tokenizer: int32 length of the longest piece, then per token a float32 score, an int32 length and the piece.
  public init(_ file: RawSpan, vocabularySize: Int) throws(TokenizerError) {
    guard file.byteCount >= 4 else { throw .tooShort(entry: nil, offset: 0, needed: 4, available: file.byteCount) }
    var offset = 4
    var pieces: [[UInt8]] = []
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
    self.init(pieces: pieces, scores: scores)
  }
}

/// What is wrong with a tokenizer file, or with text for its vocabulary.
public enum TokenizerError: Error, Equatable, Sendable {
  /// A system call failed.
  case file(FileError)
  /// The file ends inside an entry.
  case tooShort(entry: Int?, offset: Int, needed: Int, available: Int)
  /// The file has fewer entries than the model has tokens.
  case tooFewEntries(expected: Int, found: Int, offset: Int)
  /// An entry's length is negative.
  case negativeLength(entry: Int, offset: Int, found: Int)
  /// The vocabulary is too small to hold BOS, token 1, which every text begins with.
  case beginningOutsideVocabulary(vocabularySize: Int)
  /// A byte of the text has no token in a vocabulary this small.
  case byteOutsideVocabulary(byte: UInt8, vocabularySize: Int)
}

extension TokenizerError: CustomStringConvertible {
  /// One line in lower case, without the file's name unless a system call failed.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .tooShort(let entry, let offset, let needed, let available):
      "cut short: \(entry.map { "token \($0)" } ?? "the header") at offset \(offset) needs \(needed) bytes, "
        + "but only \(available) are left"
    case .tooFewEntries(let expected, let found, let offset):
      "expected \(expected) tokens as in the model's vocabulary, found \(found): the file ends at offset \(offset)"
    case .negativeLength(let entry, let offset, let found):
      "length of token \(entry) at offset \(offset): expected 0 or more, found \(found)"
    case .beginningOutsideVocabulary(let size):
      "token \(Tokenizer.beginning) is outside the vocabulary of \(size)"
    case .byteOutsideVocabulary(let byte, let size):
      "byte \(byte) of the prompt would be token \(Int(byte) + Tokenizer.byteOffset), "
        + "which is outside the vocabulary of \(size)"
    }
  }
}
