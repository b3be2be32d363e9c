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
  private let tokens: [[UInt8]: Int]

  /// A tokenizer.
  ///
  /// Where a piece occurs twice, the lower token is the one that text is encoded to.
  init(pieces: [[UInt8]], scores: [Float]) {
    self.pieces = pieces
    self.scores = scores
    tokens = Dictionary(pieces.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The token whose piece equals these bytes.
  func token(of piece: [UInt8]) -> Int? { tokens[piece] }
}
