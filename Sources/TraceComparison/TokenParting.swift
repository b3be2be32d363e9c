public import TraceFormat

/// Where the tokens of two runs part: from there on the runs compute different things.
public struct TokenParting: Equatable, Sendable {
  /// The first position at which the tokens differ, or at which only one run went on.
  public var position: Int
  /// The token of the expected run; nil where that run ended by itself.
  public var expected: TraceToken?
  /// The token of the actual run; nil where that run ended by itself.
  public var actual: TraceToken?

  /// Finds where the tokens part; nil where all that both know agree.
  ///
  /// A position whose token is unknown in one of the runs decides nothing, with one exception: a whole trace with
  /// fewer tokens than the steps its header asked for ended by itself, at token 1, so another that goes on parts from
  /// it.
  init?(_ expected: borrowing some TensorSource & ~Copyable, _ actual: borrowing some TensorSource & ~Copyable) {
    let (first, second) = (expected.tokens, actual.tokens)
    let differing = first.lazy.filter { position, token in Self.differ(token, second[position]) }
    let ends = [
      Self.endByItself(expected).flatMap { second[$0] == nil ? nil : $0 },
      Self.endByItself(actual).flatMap { first[$0] == nil ? nil : $0 },
    ]
    guard let position = (differing.map(\.key) + ends.compactMap { $0 }).min() else { return nil }
    self.init(at: position, first, second)
  }

  /// The tokens of two runs at the position at which they part.
  init(at position: Int, _ first: [Int: TraceToken], _ second: [Int: TraceToken]) {
    self.position = position
    expected = first[position]
    actual = second[position]
  }

  /// The first position of a range at which two runs have different tokens; nil where all that both know agree.
  static func firstDifference(
    _ first: [Int: TraceToken], _ second: [Int: TraceToken], in range: ClosedRange<Int>
  ) -> Int? {
    // A range may be much longer than the tokens are many.
    let positions = range.count <= first.count ? Array(range) : first.keys.filter(range.contains).sorted()
    return positions.first { position in first[position].map { differ($0, second[position]) } ?? false }
  }

  private static func differ(_ token: TraceToken, _ other: TraceToken?) -> Bool {
    other.map { $0.id != token.id } ?? false
  }

  /// The position after the last of a run that ended before the steps it was asked for; nil for any other.
  package static func endByItself(_ source: borrowing some TensorSource & ~Copyable) -> Int? {
    guard source.isComplete, source.problems.isEmpty else { return nil }
    return endByItself(source.header, source.tokens)
  }

  /// The same of header and tokens of a whole run.
  package static func endByItself(_ header: TraceHeader, _ tokens: [Int: TraceToken]) -> Int? {
    guard let steps = header[integer: .steps], let last = tokens.keys.max(), last + 1 < steps else { return nil }
    return last + 1
  }
}
