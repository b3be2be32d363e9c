import Model
import TestSupport
import Testing

@Suite struct TokenizerMergeTests {
  /// llama2.c's merging, written as plainly as possible.
  private static func merged(_ start: [Int], _ tokenizer: Tokenizer) -> [Int] {
    var ids = start
    while true {
      var best: (index: Int, token: Int)?
      var bestScore: Float = -1e10
      for index in 0..<max(0, ids.count - 1) {
        let piece = tokenizer.pieces[ids[index]] + tokenizer.pieces[ids[index + 1]]
        guard let token = tokenizer.pieces.firstIndex(of: piece) else { continue }
        if tokenizer.scores[token] > bestScore {
          bestScore = tokenizer.scores[token]
          best = (index, token)
        }
      }
      guard let best else { return ids }
      ids.replaceSubrange(best.index...(best.index + 1), with: [best.token])
    }
  }

  private static let bytes: [[UInt8]] = (0..<256).map {
    Array("<0x\($0 < 16 ? "0" : "")\(String($0, radix: 16))>".utf8)
  }
  private static let fixed = ["<unk>", "\n<s>\n", "\n</s>\n"].map { Array($0.utf8) } + bytes

  /// Random vocabularies over two letters, with equal scores and scores that never merge.
  @Test(arguments: 0..<60 as Range<UInt64>)
  func agreesWithTheOracle(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var pieces = Self.fixed + [" ", "a", "b"].map { Array($0.utf8) }
    for _ in 0..<Int.random(in: 0...40, using: &generator) {
      let letters = Array(" ab".utf8)
      pieces.append(
        (0..<Int.random(in: 2...5, using: &generator)).map { _ in letters.randomElement(using: &generator) ?? 0 })
    }
    let choices: [Float] = [0, -1, -2, -3, 5, -1e10, -2e10, .nan, .infinity]
    let scores = pieces.map { _ in choices.randomElement(using: &generator) ?? 0 }
    let tokenizer = Tokenizer(pieces: pieces, scores: scores)
    let text = (0..<Int.random(in: 0...60, using: &generator)).map { _ in
      Array(" abz".utf8).randomElement(using: &generator) ?? 0
    }
    let start =
      [1]
      + ((text.isEmpty ? [] : [UInt8(ascii: " ")]) + text).map { byte in
        pieces.firstIndex(of: [byte]) ?? Int(byte) + 3
      }
    #expect(try tokenizer.encode(text) == Self.merged(start, tokenizer), "seed \(seed)")
  }
}
