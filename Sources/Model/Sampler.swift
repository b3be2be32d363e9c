/// Chooses the next token from logits, in float32 throughout (llama2.c `sample`).
public struct Sampler: Sendable {
  /// 0 is greedy.
  public let temperature: Float
  /// Probability mass that is kept; exactly 0 or 1 keeps everything.
  public let topP: Float
  private var state: UInt64

  /// A sampler.
  ///
  /// - Parameters:
  ///   - seed: not 0, at which the generator would stand still; unused when the temperature is 0.
  public init(temperature: Float, topP: Float, seed: UInt64) {
    self.temperature = temperature
    self.topP = topP
    state = seed
  }

  /// The next token: the first greatest logit at temperature 0, else one drawn with one coin.
  ///
  /// - Parameter logits: one per token, not empty; used as working memory.
  public mutating func sample(_ logits: inout [Float]) -> Int {
    if temperature == 0 { return Self.firstGreatest(logits) }
    for index in logits.indices { logits[index] /= temperature }
    var span = logits.mutableSpan
    softmax(&span)
    let coin = nextCoin()
    return topP <= 0 || topP >= 1 ? Self.draw(logits, coin: coin) : drawFromNucleus(logits, coin: coin)
  }

  private static func firstGreatest(_ logits: [Float]) -> Int {
    var (best, greatest) = (0, logits[0])
    for index in logits.indices where logits[index] > greatest { (best, greatest) = (index, logits[index]) }
    return best
  }

  /// A number in [0, 1): xorshift64* (Vigna), the upper 24 of its upper 32 bits.
  private mutating func nextCoin() -> Float {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    let upper = UInt32(truncatingIfNeeded: (state &* 0x2545_F491_4F6C_DD1D) >> 32)
    return Float(upper >> 8) / 16_777_216
  }

  /// The first index whose running sum exceeds the coin, else the last.
  private static func draw(_ probabilities: [Float], coin: Float) -> Int {
    var sum: Float = 0
    for (index, probability) in probabilities.enumerated() {
      sum += probability
      if coin < sum { return index }
    }
    return probabilities.count - 1
  }

  /// Draws from the most probable tokens whose probabilities sum up to more than top-p.
  ///
  /// Tokens below (1 - p) / (n - 1) cannot be among them and are left out first. Where no token is a candidate
  /// (probabilities that are NaN, a vocabulary of one), which llama2.c leaves undefined, the last token is drawn.
  private func drawFromNucleus(_ probabilities: [Float], coin: Float) -> Int {
    let cutoff = (1 - topP) / Float(probabilities.count - 1)
    var candidates = probabilities.indices.filter { probabilities[$0] >= cutoff }
    candidates.sort { left, right in
      probabilities[left] != probabilities[right] ? probabilities[left] > probabilities[right] : left < right
    }
    var kept = candidates.count
    var mass: Float = 0
    for (place, index) in candidates.enumerated() {
      mass += probabilities[index]
      if mass > topP {
        kept = place + 1
        break
      }
    }
    let target = coin * mass
    var sum: Float = 0
    for index in candidates.prefix(kept) {
      sum += probabilities[index]
      if target < sum { return index }
    }
    return kept > 0 ? candidates[kept - 1] : probabilities.count - 1
  }
}
