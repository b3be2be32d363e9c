import TraceFormat

/// Two records of one key and shape, compared.
struct ComparedRecord: Sendable {
  var result: RecordComparison
  var shape: TensorShape
  var expectedType: ElementType
  var actualType: ElementType
  var flip: TokenFlip?

  /// Compares two records of one key; nil when their shapes differ.
  ///
  /// - Parameter wantsFlip: whether it is of interest which token the logits favour.
  init?(_ first: RecordView, _ second: RecordView, _ limits: Limits, wantsFlip: Bool) {
    guard let result = RecordComparison(expected: first, actual: second, limits: limits) else { return nil }
    self.result = result
    shape = first.shape
    (expectedType, actualType) = (first.elementType, second.elementType)
    let hasFlip = wantsFlip && first.key.name == .site(.logits) && !result.isIdentical
    flip = hasFlip ? TokenFlip(first, second) : nil
  }
}

/// Why two records of one key cannot be compared.
enum Obstacle: Sendable {
  case shapes(TensorShape, TensorShape)
  case unreadable(Side, String)
}

/// How bad a record is, to find the worst.
struct Badness {
  private let isNonFinite: Bool
  private let ratio: Double
  private let scaledError: Double

  init(_ result: RecordComparison) {
    (isNonFinite, ratio) = (result.nonFiniteMismatches > 0, result.ratio)
    scaledError = result.greatestScaledError
  }

  /// NaN and infinity against something else are worse than any error, and greater ratios worse than less.
  func isWorse(than other: Badness) -> Bool {
    if isNonFinite != other.isNonFinite { return isNonFinite }
    if ratio != other.ratio { return ratio > other.ratio }
    return ratio == .infinity && scaledError > other.scaledError
  }
}

extension ComparisonRun {
  /// Compares one record of both traces and takes what comes of it.
  mutating func compare<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ key: RecordKey, _ expected: borrowing Expected, _ actual: borrowing Actual, _ eachDivergence: (Finding) -> Void
  ) {
    let limits = comparison.tolerance.limits(for: key.name)
    var compared: ComparedRecord?
    var obstacle: Obstacle?
    do throws(TraceError) {
      let isFound: Void? = try expected.withRecord(key) { first in
        do throws(TraceError) {
          let isFound: Void? = try actual.withRecord(key) { second in
            compared = ComparedRecord(first, second, limits, wantsFlip: true)
            if compared == nil { obstacle = .shapes(first.shape, second.shape) }
          }
          if isFound == nil { obstacle = .unreadable(.actual, "\(key) cannot be found again") }
        } catch {
          obstacle = .unreadable(.actual, "\(key): \(error)")
        }
      }
      if isFound == nil { obstacle = .unreadable(.expected, "\(key) cannot be found again") }
    } catch {
      obstacle = .unreadable(.expected, "\(key): \(error)")
    }
    if let compared { take(compared, key, case: cases.number(of: key), expected, actual, eachDivergence) }
    if let obstacle { take(obstacle, key) }
  }

  /// Takes a record that cannot be compared.
  mutating func take(_ obstacle: Obstacle, _ key: RecordKey) {
    switch obstacle {
    case .unreadable(let side, let message):
      let problem = Verdict.Problem(side: side, message: message)
      verdict.problems.append(problem)
      cases.take(problem, at: key)
    case .shapes(let first, let second):
      let mismatch = Verdict.ShapeMismatch(key: key, expected: first, actual: second)
      verdict.shapeMismatches.append(mismatch)
      cases.take(mismatch)
    }
  }

  /// Takes a record that was compared, in the order of execution.
  ///
  /// - Parameter number: of its case.
  mutating func take<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ record: ComparedRecord, _ key: RecordKey, case number: Int, _ expected: borrowing Expected,
    _ actual: borrowing Actual, _ eachDivergence: (Finding) -> Void
  ) {
    count(record, key)
    cases.take(number, record.result, position: key.position)
    guard !record.result.isIdentical else { return }
    let isFirst = takeDifference(record, key)
    let badness = Badness(record.result)
    let isWorst = worst.map { badness.isWorse(than: $0) } ?? true
    if isWorst { worst = badness }
    if verdict.tokenFlip == nil { verdict.tokenFlip = record.flip }
    // Most records are none of these, and what a reader needs to find the place is not put together for them.
    guard isFirst.difference || isFirst.divergence || isWorst || !record.result.passes else { return }
    let finding = Finding(
      key: key, shape: record.shape, expectedType: record.expectedType, actualType: record.actualType,
      comparison: record.result, token: expected.tokens[key.position] ?? actual.tokens[key.position],
      headSize: headSize)
    if isFirst.difference { verdict.firstDifference = finding }
    if isFirst.divergence { verdict.firstDivergence = finding }
    if isWorst { verdict.worst = finding }
    guard !record.result.passes else { return }
    cases.takeDivergence(number, finding)
    verdict.isStopped = comparison.stopsAtFirst
    eachDivergence(finding)
  }

  /// Counts a record, be it equal or not.
  private mutating func count(_ record: ComparedRecord, _ key: RecordKey) {
    verdict.comparedRecords += 1
    verdict.comparedElements += record.result.elementCount
    verdict.travel.add(key, record.result)
    lastPosition = max(lastPosition, key.position)
    if !record.result.expected.isFinite && !record.result.actual.isFinite {
      nonFinite.records += 1
      nonFinite.first = nonFinite.first ?? key
    }
  }

  /// Takes a record that differs.
  ///
  /// - Returns: whether it is the first that does, and the first beyond tolerance.
  private mutating func takeDifference(
    _ record: ComparedRecord, _ key: RecordKey
  ) -> (difference: Bool, divergence: Bool) {
    let result = record.result
    if record.expectedType != record.actualType {
      mixedTypes.records += 1
      mixedTypes.first = mixedTypes.first ?? key
    }
    let rms = result.expected.rms
    if result.passes, result.differing > 0, rms > 0, result.limits.allowance(expected: rms, rms: rms) >= rms {
      blind.records += 1
      blind.first = blind.first ?? key
    }
    // Where only the dtype differs, a later difference in value is what the reader looks for.
    let isFirstDifference =
      result.differing > 0
      ? !hasValueDifference : verdict.differingRecords == 0 && verdict.equalInOtherTypeRecords == 0
    hasValueDifference = hasValueDifference || result.differing > 0
    if result.isEqualInOtherType { verdict.equalInOtherTypeRecords += 1 } else { verdict.differingRecords += 1 }
    if !result.passes { verdict.divergentRecords += 1 }
    verdict.smallestRtol =
      if let overall = verdict.smallestRtol, let own = result.smallestRtol { max(overall, own) } else { nil }
    verdict.smallestUlp =
      if let overall = verdict.smallestUlp, let own = result.smallestUlp { max(overall, own) } else { nil }
    return (isFirstDifference, !result.passes && verdict.divergentRecords == 1)
  }
}
