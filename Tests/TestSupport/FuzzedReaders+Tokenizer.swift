import Model

extension FuzzedReaders {
  /// Reads bytes as a tokenizer of as many entries as there are; encodes texts and decodes every token.
  package static func tokenizer(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    // A tokenizer file does not say how many entries it has: asked for more than there can be, the reader says it.
    let entryCount: Int
    let outcome: Outcome
    do {
      _ = try Tokenizer(bytes.span.bytes, vocabularySize: Int(Int32.max))
      throw BrokenInvariant("2^31 - 1 entries cannot be in \(bytes.count) bytes")
    } catch let error as TokenizerError {
      let text = try message(of: error)
      switch error {
      case .tooFewEntries(_, let found, let offset):
        try require(offset == bytes.count, "only a file that ends after an entry lacks entries")
        (entryCount, outcome) = (found, .accepted)
      case .tooShort(let entry?, _, _, _): (entryCount, outcome) = (entry, .damaged([text]))
      case .negativeLength(let entry, _, _): (entryCount, outcome) = (entry, .damaged([text]))
      default: return .refused(text)
      }
    } catch let error as BrokenInvariant {
      throw error
    } catch {
      throw BrokenInvariant("a reader throws its own error: \(error)")
    }
    guard entryCount > 0 else { return .refused("no entries") }
    for size in Set([1, min(2, entryCount), entryCount]) {
      let tokenizer: Tokenizer
      do {
        tokenizer = try Tokenizer(bytes.span.bytes, vocabularySize: size)
      } catch {
        throw BrokenInvariant("the first \(size) of \(entryCount) entries can be read: \(error)")
      }
      try require(tokenizer.pieces.count == size && tokenizer.scores.count == size, "a vocabulary has \(size) tokens")
      try requireText(tokenizer, bytes)
    }
    return outcome
  }

  private static func requireText(_ tokenizer: Tokenizer, _ bytes: [UInt8]) throws(BrokenInvariant) {
    let size = tokenizer.pieces.count
    let someOfThem = stride(from: 0, to: size, by: max(1, size / 16))
    let texts = [
      [], [UInt8(ascii: "a")], Array(bytes.suffix(64)), Array((UInt8.min...UInt8.max).prefix(bytes.count)),
      Array(someOfThem.flatMap { tokenizer.pieces[$0].prefix(16) }.prefix(128)),
    ]
    for text in texts { try requireEncoding(tokenizer, text) }
    for token in 0..<size {
      for previous in [nil, Tokenizer.beginning, token] {
        let printed = tokenizer.text(of: token, after: previous)
        try require(printed.count <= tokenizer.pieces[token].count, "token \(token) prints no more than its piece")
      }
    }
  }

  /// Encodes a text; the tokens must be in the vocabulary, and no two neighbours may be left that should be merged.
  private static func requireEncoding(_ tokenizer: Tokenizer, _ text: [UInt8]) throws(BrokenInvariant) {
    let size = tokenizer.pieces.count
    let tokens: [Int]
    do { tokens = try tokenizer.encode(text) } catch {
      _ = try message(of: error)
      try require(size <= 258, "a vocabulary of \(size) has a token for every byte: \(error)")
      return
    }
    try require(!tokens.isEmpty, "every text has tokens")
    try require(!text.isEmpty || tokens == [Tokenizer.beginning], "no text is BOS alone: \(tokens)")
    guard size > Tokenizer.beginning else { return }
    try require(tokens.allSatisfy { (0..<size).contains($0) }, "tokens are in the vocabulary: \(tokens)")
    for (left, right) in zip(tokens, tokens.dropFirst()) {
      let joined = tokenizer.pieces[left] + tokenizer.pieces[right]
      guard let token = tokenizer.pieces.firstIndex(of: joined) else { continue }
      try require(!(tokenizer.scores[token] > -1e10), "tokens \(left) and \(right) are merged into \(token)")
    }
  }
}
