import TraceFormat

/// A comparison on its way.
struct ComparisonRun {
  let comparison: Comparison
  var verdict: Verdict
  /// All names that either trace holds, those that were not asked for included.
  private var names: Set<TensorName> = []
  private let ranges: (expected: RecordedRange, actual: RecordedRange)
  private let isDamaged: (expected: Bool, actual: Bool)
  private let headSize: Int?
  /// The first position that is no longer compared.
  private let end: Int
  private var tokenless: Set<Side> = []
  /// Where in the verdict's lists the unmatched records of a name stand.
  private var groups: [GroupKey: Int] = [:]
  private var nonFinite = (records: 0, first: RecordKey?.none)
  private var mixedTypes = (records: 0, first: RecordKey?.none)
  /// Differing records that pass although zeros in their place would pass too.
  private var blind = (records: 0, first: RecordKey?.none)
  private var lastPosition = -1

  private struct GroupKey: Hashable {
    var side: Side
    var name: TensorName
    var reason: UnmatchedRecord.Reason
  }

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
    isDamaged = (!expected.problems.isEmpty || !expected.isComplete, !actual.problems.isEmpty || !actual.isComplete)
    headSize = expected.header.headSize ?? actual.header.headSize

    let parting = TokenParting(expected, actual)
    end = parting?.position ?? Int.max
    let last = comparison.filter.positions?.last ?? Int.max
    if let parting {
      if parting.position <= last {
        verdict.tokensPart = parting
      } else {
        verdict.notes.append("the tokens part at position \(parting.position), after the positions asked for")
      }
    }
  }

  /// Visits the records of both traces in the order of execution.
  mutating func merge<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ expected: inout Expected, _ actual: inout Actual, _ eachDivergence: (Finding) -> Void
  ) {
    var first = next(&expected, .expected)
    var second = next(&actual, .actual)
    while first != nil || second != nil {
      if let key = first, let other = second, key == other {
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
  private mutating func next<Source: TensorSource & ~Copyable>(_ source: inout Source, _ side: Side) -> RecordKey? {
    do throws(TraceError) {
      while let key = try source.next() {
        names.insert(key.name)
        verdict.held[side, default: HeldRange()].add(key)
        guard key.position < end, comparison.filter.wants(key) else { continue }
        if source.tokens[key.position] == nil { takeMissingToken(source, side, position: key.position) }
        return key
      }
    } catch {
      verdict.problems.append(Verdict.Problem(side: side, message: error.description))
    }
    return nil
  }

  /// A record without a token is damage; it is said once for each trace, and by the trace itself where it knows.
  private mutating func takeMissingToken<Source: TensorSource & ~Copyable>(
    _ source: borrowing Source, _ side: Side, position: Int
  ) {
    guard tokenless.insert(side).inserted else { return }
    let isKnown = source.problems.contains { if case .tokenMissing = $0 { true } else { false } }
    if !isKnown {
      let message = "position \(position) has records but no token"
      verdict.problems.append(Verdict.Problem(side: side, message: message))
    }
  }

  private mutating func takeUnmatched(_ key: RecordKey, of side: Side) {
    let (header, lacksByDamage) =
      side == .expected ? (ranges.actual, isDamaged.actual) : (ranges.expected, isDamaged.expected)
    let reason = UnmatchedRecord.Reason(lacking: key, header: header, isDamaged: lacksByDamage)
    let record = UnmatchedRecord(key: key, reason: reason)
    verdict.unmatchedReasons[side, default: [:]][reason, default: 0] += 1
    let group = GroupKey(side: side, name: key.name, reason: reason)
    let place = groups[group] ?? verdict.unmatchedGroups[side, default: []].count
    if groups[group] == nil {
      groups[group] = place
      verdict.unmatchedGroups[side, default: []].append(UnmatchedGroup(record))
    }
    verdict.unmatchedGroups[side, default: []][place].add(key)
    switch side {
    case .expected: verdict.unmatchedExpected.append(record)
    case .actual: verdict.unmatchedActual.append(record)
    }
  }

  /// What comes of looking at one record in both traces.
  private enum Look {
    case compared(RecordComparison, TensorShape, expected: ElementType, actual: ElementType, TokenFlip?)
    case shapes(TensorShape, TensorShape)
    case unreadable(Side, String)
  }

  private mutating func compare<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ key: RecordKey, _ expected: borrowing Expected, _ actual: borrowing Actual,
    _ eachDivergence: (Finding) -> Void
  ) {
    switch look(key, expected, actual) {
    case .unreadable(let side, let message):
      verdict.problems.append(Verdict.Problem(side: side, message: message))
    case .shapes(let first, let second):
      verdict.shapeMismatches.append(Verdict.ShapeMismatch(key: key, expected: first, actual: second))
    case .compared(let result, let shape, let expectedType, let actualType, let flip):
      let finding = Finding(
        key: key, shape: shape, expectedType: expectedType, actualType: actualType, comparison: result,
        token: result.isIdentical ? nil : expected.tokens[key.position] ?? actual.tokens[key.position],
        headSize: headSize)
      take(finding)
      if verdict.tokenFlip == nil { verdict.tokenFlip = flip }
      if !result.passes { eachDivergence(finding) }
    }
  }

  private func look<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ key: RecordKey, _ expected: borrowing Expected, _ actual: borrowing Actual
  ) -> Look {
    let limits = comparison.tolerance.limits(for: key.name)
    do throws(TraceError) {
      let look = try expected.withRecord(key) { first in
        do throws(TraceError) {
          let look = try actual.withRecord(key) { second in Self.compare(first, second, limits) }
          return look ?? .unreadable(.actual, "\(key) cannot be found again")
        } catch {
          return Look.unreadable(.actual, "\(key): \(error)")
        }
      }
      return look ?? .unreadable(.expected, "\(key) cannot be found again")
    } catch {
      return .unreadable(.expected, "\(key): \(error)")
    }
  }

  private static func compare(_ first: RecordView, _ second: RecordView, _ limits: Limits) -> Look {
    guard let result = RecordComparison(expected: first, actual: second, limits: limits) else {
      return .shapes(first.shape, second.shape)
    }
    let isLogits = first.key.name == .site(.logits)
    let flip = isLogits && !result.isIdentical ? TokenFlip(first, second) : nil
    return .compared(result, first.shape, expected: first.elementType, actual: second.elementType, flip)
  }

  private mutating func take(_ finding: Finding) {
    let result = finding.comparison
    verdict.comparedRecords += 1
    verdict.comparedElements += result.elementCount
    verdict.travel.add(finding.key, result)
    lastPosition = max(lastPosition, finding.key.position)
    if !result.expected.isFinite && !result.actual.isFinite {
      nonFinite.records += 1
      nonFinite.first = nonFinite.first ?? finding.key
    }
    guard !result.isIdentical else { return }
    if finding.expectedType != finding.actualType {
      mixedTypes.records += 1
      mixedTypes.first = mixedTypes.first ?? finding.key
    }
    let rms = result.expected.rms
    if result.passes, result.differing > 0, rms > 0, result.limits.allowance(expected: rms, rms: rms) >= rms {
      blind.records += 1
      blind.first = blind.first ?? finding.key
    }
    if result.isEqualInOtherType { verdict.equalInOtherTypeRecords += 1 } else { verdict.differingRecords += 1 }
    // Where only the dtype differs, a later difference in value is what the reader looks for.
    if verdict.firstDifference.map({ $0.comparison.differing == 0 && result.differing > 0 }) ?? true {
      verdict.firstDifference = finding
    }
    if !result.passes {
      verdict.divergentRecords += 1
      if verdict.firstDivergence == nil { verdict.firstDivergence = finding }
    }
    verdict.smallestRtol =
      if let overall = verdict.smallestRtol, let own = result.smallestRtol { max(overall, own) } else { nil }
    verdict.smallestUlp =
      if let overall = verdict.smallestUlp, let own = result.smallestUlp { max(overall, own) } else { nil }
    if verdict.worst.map({ Self.isWorse(result, than: $0.comparison) }) ?? true { verdict.worst = finding }
  }

  private static func isWorse(_ result: RecordComparison, than other: RecordComparison) -> Bool {
    if (result.nonFiniteMismatches > 0) != (other.nonFiniteMismatches > 0) { return result.nonFiniteMismatches > 0 }
    if result.ratio != other.ratio { return result.ratio > other.ratio }
    return result.ratio == .infinity && result.greatestScaledError > other.greatestScaledError
  }

  /// Adds what can only be said at the end.
  consuming func finish(
    _ expected: borrowing some TensorSource & ~Copyable, _ actual: borrowing some TensorSource & ~Copyable
  ) -> Verdict {
    takeProblems(of: expected, .expected)
    takeProblems(of: actual, .actual)
    func isUnused(_ pattern: NamePattern) -> Bool { !names.contains { pattern.matches($0.text) } }
    if verdict.headers.conflicts.isEmpty {
      verdict.unusedPatterns = (comparison.filter.names ?? []).filter(isUnused)
      verdict.unusedRtolPatterns = comparison.tolerance.rtolOverrides.map(\.pattern).filter(isUnused)
      verdict.unusedAtolPatterns = comparison.tolerance.atolOverrides.map(\.pattern).filter(isUnused)
      for pattern in verdict.unusedRtolPatterns + verdict.unusedAtolPatterns {
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
    if let first = blind.first {
      verdict.notes.append(
        "warning: the tolerance is blind in \(count(blind.records, "record")) that differ: it would pass zeros in their "
          + "place too; the first is \(first)")
    }
    let rotated = [TensorName.site(.queryRotation), .site(.keyRotation)]
    if lastPosition == 0, verdict.comparedRecords > 0, rotated.contains(where: names.contains) {
      verdict.notes.append(
        "warning: only position 0 was compared, where RoPE turns by nothing and softmax has one entry: mistakes in RoPE, "
          + "in the causal mask and in the cache cannot show")
    }
  }

  private mutating func takeProblems(of source: borrowing some TensorSource & ~Copyable, _ side: Side) {
    var messages = source.problems.map(\.description)
    if messages.isEmpty, !source.isComplete { messages = ["the trace is cut short"] }
    for message in messages { verdict.problems.append(Verdict.Problem(side: side, message: message)) }
  }
}
