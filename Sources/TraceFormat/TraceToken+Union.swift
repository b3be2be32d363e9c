extension TraceToken {
  /// A part of a trace: its file and its tokens by position.
  package typealias Part = (path: String, tokens: [Int: TraceToken])

  /// The tokens of a trace in several parts; a text that is unknown to one is another's.
  ///
  /// - Returns: the tokens, and what is wrong where two parts know different ones: the first part's are taken.
  package static func united(_ parts: [Part]) -> (tokens: [Int: TraceToken], problems: [TraceError]) {
    var tokens: [Int: TraceToken] = [:]
    var holders: [Int: Int] = [:]
    var problems: [TraceError] = []
    for (number, part) in parts.enumerated() {
      var differing: [Int] = []
      for (position, token) in part.tokens {
        guard let known = tokens[position] else {
          tokens[position] = token
          holders[position] = number
          continue
        }
        let isOtherText = known.text != nil && token.text != nil && known.text != token.text
        if known.id != token.id || isOtherText {
          differing.append(position)
        } else if known.text == nil {
          tokens[position] = token
        }
      }
      guard let first = differing.min(), let known = tokens[first], let own = part.tokens[first] else { continue }
      problems.append(
        .tokensDiffer(
          position: first, more: differing.count - 1, path: parts[holders[first] ?? 0].path, token: known,
          otherPath: part.path, otherToken: own))
    }
    return (tokens, problems)
  }
}
