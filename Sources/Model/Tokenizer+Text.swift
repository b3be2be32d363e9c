extension Tokenizer {
  /// The tokens of a text, BOS first (llama2.c `encode`).
  ///
  /// Text is bytes and is never compared by Unicode equivalence. A space is put before a text that is not empty. Each
  /// chunk (one byte and the UTF-8 continuation bytes after it, at most four bytes) is a token if a piece equals it,
  /// else one token per byte. Then the adjacent pair whose joined piece is the token with the highest score is merged,
  /// the first such pair on a tie, until there is none.
  ///
  /// - Complexity: O(n log n) in the length of the text.
  public func encode(_ text: [UInt8]) throws(TokenizerError) -> [Int] {
    guard pieces.count > Self.beginning else { throw .beginningOutsideVocabulary(vocabularySize: pieces.count) }
    var ids = [Self.beginning]
    if !text.isEmpty { ids += try chunkTokens([UInt8(ascii: " ")]) }
    var start = 0
    while start < text.count {
      var end = start + 1
      while end < text.count, end - start < 4, text[end] & 0xC0 == 0x80 { end += 1 }
      ids += try chunkTokens(Array(text[start..<end]))
      start = end
    }
    merge(&ids)
    return ids
  }

  private func chunkTokens(_ chunk: [UInt8]) throws(TokenizerError) -> [Int] {
    if let token = token(of: chunk) { return [token] }
    var result: [Int] = []
    for byte in chunk {
      guard Int(byte) + Self.byteOffset < pieces.count else {
        throw .byteOutsideVocabulary(byte: byte, vocabularySize: pieces.count)
      }
      result.append(Int(byte) + Self.byteOffset)
    }
    return result
  }

  private func merge(_ ids: inout [Int]) {
    // A list of tokens that is linked both ways, so that merging moves nothing: -1 stands before the first, count after
    // the last. ids[i] and its next one make candidates[i] together.
    let count = ids.count
    var previous = Array(-1..<(count - 1))
    var next = Array(1..<(count + 1))
    var candidates = [Int?](repeating: nil, count: count)
    var queue = MergeQueue()
    func look(_ index: Int, _ ids: [Int], _ next: [Int]) {
      candidates[index] = next[index] < count ? token(of: pieces[ids[index]] + pieces[ids[next[index]]]) : nil
      // llama2.c starts its search for the greatest score at -1e10, so a pair at or below it, or at NaN, never merges.
      if let token = candidates[index], scores[token] > -1e10 {
        queue.push(MergeQueue.Entry(score: scores[token], index: index, token: token))
      }
    }
    for index in 0..<count { look(index, ids, next) }
    var isAlive = [Bool](repeating: true, count: count)
    while let best = queue.pop() {
      // What stood here when the entry was made may have been merged since.
      guard isAlive[best.index], candidates[best.index] == best.token else { continue }
      let right = next[best.index]
      ids[best.index] = best.token
      isAlive[right] = false
      next[best.index] = next[right]
      if next[right] < count { previous[next[right]] = best.index }
      look(best.index, ids, next)
      if previous[best.index] >= 0 { look(previous[best.index], ids, next) }
    }
    ids = ids.indices.filter { isAlive[$0] }.map { ids[$0] }
  }

  /// What llama2.c prints for a token (`decode` and `safe_printf`).
  ///
  /// After BOS one leading space is dropped; `<0xHH>` is that byte; a piece of exactly one byte that is neither
  /// printable nor white space in the C locale is not printed.
  ///
  /// - Parameter previous: the token before; nil at the start of a text.
  public func text(of token: Int, after previous: Int?) -> [UInt8] {
    var piece = pieces[token]
    if previous == Self.beginning, piece.first == UInt8(ascii: " ") { piece = piece.dropFirst() }
    if let byte = Self.byte(namedBy: piece) { piece = [byte] }
    if piece.count == 1, let byte = piece.first, !Self.isPrintable(byte) { return [] }
    return Array(piece)
  }

  private static func isPrintable(_ byte: UInt8) -> Bool {
    (0x20...0x7E).contains(byte) || (0x09...0x0D).contains(byte)
  }

  /// The byte that a piece names: what llama2.c's `sscanf(piece, "<0x%02hhX>")` stores when it returns 1.
  ///
  /// That is more than `<0xHH>`: what follows the digits is not looked at, one digit is enough, white space may stand
  /// before them, and a sign may stand in place of the first.
  private static func byte(namedBy piece: ArraySlice<UInt8>) -> UInt8? {
    guard piece.starts(with: "<0x".utf8) else { return nil }
    var rest = piece.dropFirst(3).drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
    var width = 2
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") {
      rest = rest.dropFirst()
      width -= 1
    }
    let digits = rest.prefix(width).prefix { hexadecimal($0) != nil }
    guard !digits.isEmpty else { return nil }
    let value = digits.reduce(0 as UInt8) { $0 &* 16 &+ (hexadecimal($1) ?? 0) }
    return isNegative ? 0 &- value : value
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8? {
    Character(UnicodeScalar(digit)).hexDigitValue.map(UInt8.init)
  }
}
