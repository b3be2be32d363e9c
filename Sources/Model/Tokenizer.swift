import Synchronization

/// llama2.c's byte-pair tokenizer: the pieces of a vocabulary with their merge scores.
public struct Tokenizer: Sendable {
  /// Beginning of sequence; also what ends a generated text.
  public static let beginning = 1
  /// Tokens 3 to 258 stand for single bytes: byte b is token b + 3.
  static let byteOffset = 3

  /// The bytes of each token's piece, as the file holds them.
  public let pieces: Pieces
  /// The merge score of each token.
  public let scores: [Float]
  /// Bytes of the file after the entries of the vocabulary.
  public let furtherByteCount: Int
  private let index = PieceIndex()

  /// A tokenizer; traps unless there is a score for every piece.
  ///
  /// Where a piece occurs twice, the lower token is the one that text is encoded to.
  public init(pieces: some Sequence<[UInt8]>, scores: [Float]) {
    var all = Pieces()
    for piece in pieces { all.append(piece) }
    self.init(pieces: all, scores: scores, furtherByteCount: 0)
  }

  init(pieces: Pieces, scores: [Float], furtherByteCount: Int) {
    precondition(pieces.count == scores.count, "a tokenizer has a score for every piece")
    self.furtherByteCount = furtherByteCount
    self.pieces = pieces
    self.scores = scores
  }

  /// The token whose piece equals these bytes.
  func token(of piece: some Sequence<UInt8>) -> Int? { index.token(of: ArraySlice(piece), in: pieces) }
}

/// The pieces of a vocabulary by token, in one piece of memory: there are tens of thousands, and most runs read a few.
public struct Pieces: RandomAccessCollection, Sendable {
  private var bytes: [UInt8] = []
  /// Where each piece ends.
  private var ends: [Int] = []

  /// The first token.
  public var startIndex: Int { 0 }
  /// Number of tokens.
  public var endIndex: Int { ends.count }
  /// The bytes of a token's piece.
  public subscript(token: Int) -> ArraySlice<UInt8> { bytes[(token == 0 ? 0 : ends[token - 1])..<ends[token]] }

  mutating func append(_ piece: some Sequence<UInt8>) {
    bytes.append(contentsOf: piece)
    ends.append(bytes.count)
  }
}

/// Tokens by piece, put together when a piece is first looked for: a run without a prompt looks for none.
private final class PieceIndex: Sendable {
  private let tokens = Mutex<[ArraySlice<UInt8>: Int]?>(nil)

  func token(of piece: ArraySlice<UInt8>, in pieces: Pieces) -> Int? {
    tokens.withLock { tokens in
      if let tokens { return tokens[piece] }
      let all = Dictionary(zip(pieces, pieces.indices), uniquingKeysWith: { first, _ in first })
      tokens = all
      return all[piece]
    }
  }
}
