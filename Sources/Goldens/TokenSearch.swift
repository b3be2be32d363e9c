import TraceComparison
import TraceFormat

/// Finds where the tokens of a run part from a golden's, while the run's tokens become known position by position: the
/// rule of `TokenParting`, of which a golden is a whole trace.
struct TokenSearch {
  /// Where the tokens part, as far as is known.
  private(set) var parting: TokenParting?
  private let golden: [Int: TraceToken]
  /// The golden's positions with tokens, ascending.
  private let positions: [Int]
  private var next = 0
  /// The position after the golden's last, where its run ended by itself.
  private let end: Int?

  init(_ golden: Golden) {
    self.golden = golden.tokens
    positions = golden.tokens.keys.sorted()
    end = TokenParting.endByItself(golden.header, golden.tokens)
  }

  /// Looks at the positions up to one.
  ///
  /// - Parameter tokens: those of the run; up to the position they are complete.
  mutating func advance(to position: Int, _ tokens: [Int: TraceToken]) {
    while parting == nil, next < positions.count, positions[next] <= position {
      let place = positions[next]
      next += 1
      if let token = tokens[place], token.id != golden[place]?.id { take(place, tokens) }
    }
    if parting == nil, let end, end <= position, tokens[end] != nil { take(end, tokens) }
  }

  /// Looks at the rest, once the run was read to its end.
  mutating func finish(_ source: borrowing some TensorSource & ~Copyable) {
    let tokens = source.tokens
    advance(to: Int.max, tokens)
    if parting == nil, let end = TokenParting.endByItself(source), golden[end] != nil { take(end, tokens) }
  }

  private mutating func take(_ position: Int, _ tokens: [Int: TraceToken]) {
    parting = TokenParting(position: position, expected: golden[position], actual: tokens[position])
  }
}
