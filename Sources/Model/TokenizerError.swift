public import TraceFormat

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

extension TokenizerError: FileErrorCarrier {
  package var fileError: FileError? { if case .file(let error) = self { error } else { nil } }
}
