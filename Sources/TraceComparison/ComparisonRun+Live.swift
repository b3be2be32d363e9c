import TraceFormat

/// How far the tokens of two traces have been compared while at least one of them is still coming.
struct LiveTokens {
  /// The first position whose tokens have not been compared.
  var next = 0
  /// Where a run that is over ended by itself; nil where it did not.
  var ends: [Side: Int?] = [:]
}

extension ComparisonRun {
  /// Compares the tokens up to a position whose records have come; what a live source is to tell of them, it has told.
  mutating func followTokens<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ expected: borrowing Expected, _ actual: borrowing Actual, through position: Int
  ) {
    guard var live = liveTokens, end == Int.max else { return }
    if !expected.isLive { isDamaged.expected = Self.isDamaged(expected) }
    if !actual.isLive { isDamaged.actual = Self.isDamaged(actual) }
    var places: [Int] = []
    if position >= live.next {
      let difference = TokenParting.firstDifference(expected.tokens, actual.tokens, in: live.next...position)
      places += [difference].compactMap { $0 }
      live.next = position + 1
    }
    if let place = live.end(of: expected, .expected), actual.tokens[place] != nil { places.append(place) }
    if let place = live.end(of: actual, .actual), expected.tokens[place] != nil { places.append(place) }
    liveTokens = live
    if let place = places.min() { take(TokenParting(at: place, expected.tokens, actual.tokens)) }
  }

  /// Goes on behind the place where the tokens part, or stops there if that was asked for.
  mutating func nextBehindParting<Source: TensorSource & ~Copyable>(
    _ source: inout Source, _ side: Side
  ) -> RecordKey? {
    guard comparison.stopsAtFirst, verdict.tokensPart != nil else { return next(&source, side) }
    verdict.isStopped = true
    return nil
  }

  /// Compares the tokens of positions without records, once all is known.
  mutating func finishTokens<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ expected: borrowing Expected, _ actual: borrowing Actual
  ) {
    guard liveTokens != nil, end == Int.max, !verdict.isStopped, verdict.headers.conflicts.isEmpty else { return }
    if let parting = TokenParting(expected, actual) { take(parting) }
  }
}

extension LiveTokens {
  /// The position after the last of a run that is over and ended by itself.
  fileprivate mutating func end<Source: TensorSource & ~Copyable>(of source: borrowing Source, _ side: Side) -> Int? {
    guard !source.isLive else { return nil }
    if let known = ends[side] { return known }
    let end = TokenParting.endByItself(source)
    ends[side] = .some(end)
    return end
  }
}
