/// llama2.c's byte-pair tokenizer: the pieces of a vocabulary with their merge scores.
public struct Tokenizer: Sendable {
  /// Beginning of sequence; also what ends a generated text.
  public static let beginning = 1
  /// Tokens 3 to 258 stand for single bytes: byte b is token b + 3.
  static let byteOffset = 3

  /// The bytes of each token's piece, as the file holds them.
  public let pieces: [[UInt8]]
  /// The merge score of each token.
  public let scores: [Float]
  /// Bytes of the file after the entries of the vocabulary.
  public let furtherByteCount: Int
  private let tokens: [[UInt8]: Int]

  /// A tokenizer; traps unless there is a score for every piece.
  ///
  /// Where a piece occurs twice, the lower token is the one that text is encoded to.
  public init(pieces: [[UInt8]], scores: [Float]) { self.init(pieces: pieces, scores: scores, furtherByteCount: 0) }

  init(pieces: [[UInt8]], scores: [Float], furtherByteCount: Int) {
    precondition(pieces.count == scores.count, "a tokenizer has a score for every piece")
    self.furtherByteCount = furtherByteCount
    self.pieces = pieces
    self.scores = scores
    tokens = Dictionary(pieces.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The token whose piece equals these bytes.
  func token(of piece: [UInt8]) -> Int? { tokens[piece] }
}
