import TraceFormat

/// A comparison on its way.
struct ComparisonRun {
  let comparison: Comparison
  var verdict: Verdict
  /// All names that either trace holds, those that were not asked for included.
  var names: Set<TensorName> = []
  private let ranges: (expected: RecordedRange, actual: RecordedRange)
  var isDamaged: (expected: Bool, actual: Bool)
  let headSize: Int?
  /// The first position that is no longer compared.
  var end = Int.max
  /// How far the tokens have been compared, where they become known on the way.
  var liveTokens: LiveTokens?
  var tokenless: Set<Side> = []
  var nonFinite = (records: 0, first: RecordKey?.none)
  var mixedTypes = (records: 0, first: RecordKey?.none)
  /// Differing records that pass although zeros in their place would pass too.
  var blind = (records: 0, first: RecordKey?.none)
  var lastPosition = -1
  /// Whether a difference in value was found, and not only in dtype.
  var hasValueDifference = false
  /// How bad the worst record is.
  var worst: Badness?
  /// What is known of each tensor at each layer.
  var cases = CaseTable()

  init(
    _ comparison: Comparison, _ expected: borrowing some TensorSource & ~Copyable,
    _ actual: borrowing some TensorSource & ~Copyable
  ) {
    self.comparison = comparison
    let headers = HeaderComparison(expected: expected.header, actual: actual.header)
    verdict = Verdict(
      tolerance: comparison.tolerance, filter: comparison.filter, comparesCommonOnly: comparison.comparesCommonOnly,
      producers: (expected.header.producer, actual.header.producer), headers: headers)
    ranges = (RecordedRange(expected.header), RecordedRange(actual.header))
    isDamaged = (Self.isDamaged(expected), Self.isDamaged(actual))
    headSize = expected.header.headSize ?? actual.header.headSize
    if expected.isLive || actual.isLive {
      liveTokens = LiveTokens()
    } else if let parting = TokenParting(expected, actual) {
      take(parting)
    }
  }

  /// Whether records may be missing because the source is damaged; of a live one it is not known yet.
  static func isDamaged(_ source: borrowing some TensorSource & ~Copyable) -> Bool {
    source.problems.contains(where: \.isDamage) || (!source.isComplete && !source.isLive)
  }

  /// Takes the place where the tokens part; nothing is compared from there on.
  mutating func take(_ parting: TokenParting) {
    end = parting.position
    if parting.position <= comparison.filter.positions?.last ?? Int.max {
      verdict.tokensPart = parting
    } else {
      verdict.notes.append("the tokens part at position \(parting.position), after the positions asked for")
    }
  }

  /// Visits the records of both traces in the order of execution.
  mutating func merge<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ expected: inout Expected, _ actual: inout Actual, _ eachDivergence: (Finding) -> Void
  ) {
    var first = next(&expected, .expected)
    var second = next(&actual, .actual)
    while first != nil || second != nil, !verdict.isStopped {
      followTokens(expected, actual, through: min(first?.position ?? Int.max, second?.position ?? Int.max))
      if let key = first, key.position >= end {
        first = nextBehindParting(&expected, .expected)
      } else if let key = second, key.position >= end {
        second = nextBehindParting(&actual, .actual)
      } else if let key = first, let other = second, key == other {
        compare(key, expected, actual, eachDivergence)
        first = next(&expected, .expected)
        second = next(&actual, .actual)
      } else if let key = first, second.map({ key < $0 }) ?? true {
        takeUnmatched(key, of: .expected)
        first = next(&expected, .expected)
      } else if let key = second {
        takeUnmatched(key, of: .actual)
        second = next(&actual, .actual)
      }
    }
  }

  /// The next record that was asked for and lies before the place where the tokens part.
  mutating func next<Source: TensorSource & ~Copyable>(_ source: inout Source, _ side: Side) -> RecordKey? {
    do throws(TraceError) {
      while let key = try source.next() {
        names.insert(key.name)
        verdict.held[side, default: HeldRange()].add(key)
        guard key.position < end, comparison.filter.wants(key) else {
          cases.takeLeftOut(key)
          continue
        }
        if source.hasTokens, source.tokens[key.position] == nil {
          takeMissingToken(source, side, position: key.position)
        }
        return key
      }
    } catch {
      verdict.problems.append(Verdict.Problem(side: side, message: error.description))
    }
    return nil
  }

  /// A record without a token is damage; it is said once for each trace, and by the trace itself where it knows.
  mutating func takeMissingToken<Source: TensorSource & ~Copyable>(
    _ source: borrowing Source, _ side: Side, position: Int
  ) {
    guard source.hasTokens, tokenless.insert(side).inserted else { return }
    if let message = source.missingToken(at: position) {
      verdict.problems.append(Verdict.Problem(side: side, message: message))
    }
  }

  mutating func takeUnmatched(_ key: RecordKey, of side: Side) {
    let (header, lacksByDamage) =
      side == .expected ? (ranges.actual, isDamaged.actual) : (ranges.expected, isDamaged.expected)
    let reason = UnmatchedRecord.Reason(lacking: key, header: header, isDamaged: lacksByDamage)
    let record = UnmatchedRecord(key: key, reason: reason)
    cases.takeUnmatched(record, of: side)
    verdict.unmatched[side].append(record)
  }

  /// Adds what can only be said at the end.
  consuming func finish(
    _ expected: borrowing some TensorSource & ~Copyable, _ actual: borrowing some TensorSource & ~Copyable
  ) -> Verdict {
    takeProblems(of: expected, .expected)
    takeProblems(of: actual, .actual)
    verdict.caseTable = cases
    finishTokens(expected, actual)
    // Of what was not looked at nothing is known.
    if verdict.headers.conflicts.isEmpty, !verdict.isStopped {
      verdict.unused = UnusedPatterns(comparison.filter, comparison.tolerance, names: names)
      for pattern in verdict.unused.rtol + verdict.unused.atol {
        verdict.notes.append("the tolerance for \(pattern.text) applies to no tensor of these traces")
      }
    }
    if verdict.headers.fingerprintsDiffer, verdict.differingRecords > 0 {
      verdict.notes.append("different weights give different values")
    }
    takeBlindness()
    if let first = nonFinite.first {
      let records = count(nonFinite.records, "record")
      verdict.notes.append("both traces hold NaN or infinity in \(records); the first is \(first)")
    }
    if let first = mixedTypes.first {
      let records = count(mixedTypes.records, "record")
      verdict.notes.append("compared in float64, for different dtypes: \(records); the first is \(first)")
    }
    return verdict
  }

  /// What the chosen tolerance and selection cannot see.
  private mutating func takeBlindness() {
    if let first = blind.first { verdict.notes.append(BlindSpots.ofTolerance(blind.records, first: first)) }
    if lastPosition == 0, verdict.comparedRecords > 0, !verdict.isStopped,
      let warning = BlindSpots.ofFirstPosition(names)
    {
      verdict.notes.append(warning)
    }
  }

  private mutating func takeProblems(of source: borrowing some TensorSource & ~Copyable, _ side: Side) {
    var messages = source.problems.map(\.description)
    if messages.isEmpty, !source.isComplete, !source.isLive { messages = ["the trace is cut short"] }
    for message in messages { verdict.problems.append(Verdict.Problem(side: side, message: message)) }
  }
}
