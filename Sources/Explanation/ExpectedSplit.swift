import Model
import TraceComparison
package import TraceFormat
import TraceSources

/// How a trace's errors against a reference trace divide into what each operation added and what it was handed.
///
/// Of each record, total = actual - expected, local = actual - replayed from the trace's own inputs,
/// inherited = total - local. All are given relative to the rms of the expected record.
package struct ExpectedSplit: Sendable {
  /// Greatest relative errors of one site, or of one record.
  package struct Errors: Sendable, Equatable {
    /// Of actual against expected.
    package internal(set) var total = 0.0
    /// Of actual against the replay.
    package internal(set) var local = 0.0
    /// Of the replay against expected.
    package internal(set) var inherited = 0.0

    mutating func take(_ other: Errors) {
      total = max(total, other.total)
      local = max(local, other.local)
      inherited = max(inherited, other.inherited)
    }
  }

  /// A position at which greedy decoding would choose another token.
  package struct Flip: Sendable {
    /// Where.
    package let position: Int
    /// The expected run's choice.
    package let expected: Int
    /// The actual run's choice.
    package let actual: Int
    /// How far the expected choice leads the actual one in the expected logits.
    package let margin: Double
    /// What the rounding of the classifier's product alone may change between the two.
    package let bound: Double

    /// Whether rounding of the last operation alone can decide between the two.
    package var isNearTie: Bool { margin <= bound }
  }

  /// Who wrote the expected trace.
  package internal(set) var producer = ""
  /// What is wrong with the expected trace as a file; nil where it is whole.
  package internal(set) var problem: String?
  /// Number of records that both traces have.
  package internal(set) var records = 0
  /// Number of records of the actual trace, of positions that were compared, that the expected one lacks, or holds
  /// damaged or in another shape.
  package internal(set) var missing = 0
  /// Greatest errors per site.
  package internal(set) var sites: [Site: Errors] = [:]
  /// Errors of the first faulty record of each site.
  package internal(set) var firstFaulty: [Site: Errors] = [:]
  /// Faulty records that the default tolerance of the plain comparison would pass, per site.
  package internal(set) var passedByTolerance: [Site: Int] = [:]
  /// Token flips, the first of all.
  package internal(set) var flips: [Flip] = []
  /// Number of flips.
  package internal(set) var flipCount = 0
  /// The first position at which the tokens part; nil where they agree.
  package internal(set) var tokensPart: Int?
  /// Logits records whose difference the default tolerance refuses, and all that were compared.
  package internal(set) var logits = (beyond: 0, compared: 0)
}

/// Gathers an `ExpectedSplit` while a trace is being explained.
struct ExpectedReader {
  private static let flipLimit = 20
  private let tensors: RecordedTensors
  private(set) var split = ExpectedSplit()

  /// A reader of an expected trace.
  ///
  /// - Throws: `ExplainerError` when it was made from another model.
  init(_ tensors: RecordedTensors, actual: RecordedTensors, _ model: ModelWeights) throws(ExplainerError) {
    self.tensors = tensors
    try Explainer.check(tensors.trace.header, model, isExpected: true)
    split.producer = tensors.trace.header.producer
    split.problem = tensors.trace.problems.first?.description ?? (tensors.trace.isComplete ? nil : "it is cut short")
    let (first, second) = (tensors.trace.tokens, actual.trace.tokens)
    split.tokensPart = Set(first.keys).intersection(second.keys).filter { first[$0]?.id != second[$0]?.id }.min()
  }

  /// Takes a record that was judged.
  mutating func take(_ key: RecordKey, _ actual: RecordedTensor, _ estimate: Estimate, isFaulty: Bool) {
    guard let site = key.name.site, key.position < split.tokensPart ?? Int.max else { return }
    guard let expected = try? tensors.tensor(key), expected.values.count == actual.values.count else {
      split.missing += 1
      return
    }
    split.records += 1
    let count = expected.values.count
    let rms = (expected.values.reduce(0) { $0 + $1 * $1 } / Double(max(count, 1))).squareRoot()
    var errors = ExpectedSplit.Errors()
    var passes = true
    let limits = Tolerance.default.limits(for: key.name)
    for i in 0..<count {
      let (wanted, found, replayed) = (expected.values[i], actual.values[i], estimate.values[i])
      guard wanted.isFinite, found.isFinite else {
        if !(wanted == found || wanted.isNaN && found.isNaN) { passes = false }
        continue
      }
      guard replayed.isFinite else {
        errors.total = max(errors.total, abs(found - wanted))
        if abs(found - wanted) > limits.allowance(expected: wanted, rms: rms) { passes = false }
        continue
      }
      let own = ExpectedSplit.Errors(
        total: abs(found - wanted), local: abs(found - replayed), inherited: abs(replayed - wanted))
      errors.take(own)
      if own.total > limits.allowance(expected: wanted, rms: rms) { passes = false }
    }
    let scale = rms > 0 ? 1 / rms : 0
    errors = ExpectedSplit.Errors(
      total: errors.total * scale, local: errors.local * scale, inherited: errors.inherited * scale)
    split.sites[site, default: ExpectedSplit.Errors()].take(errors)
    if isFaulty {
      if split.firstFaulty[site] == nil { split.firstFaulty[site] = errors }
      if passes { split.passedByTolerance[site, default: 0] += 1 }
    }
    if site == .logits { takeLogits(key, expected.values, actual.values, estimate, passes: passes) }
  }

  private mutating func takeLogits(
    _ key: RecordKey, _ expected: [Double], _ actual: [Double], _ estimate: Estimate, passes: Bool
  ) {
    split.logits.compared += 1
    if !passes { split.logits.beyond += 1 }
    guard let wanted = Self.greatest(expected), let found = Self.greatest(actual), wanted != found else { return }
    split.flipCount += 1
    guard split.flips.count < Self.flipLimit else { return }
    split.flips.append(
      ExpectedSplit.Flip(
        position: key.position, expected: wanted, actual: found, margin: expected[wanted] - expected[found],
        bound: estimate.error(wanted) + estimate.error(found)))
  }

  /// The first greatest element, as greedy decoding takes it.
  private static func greatest(_ values: [Double]) -> Int? {
    var best: Int?
    for index in values.indices where !values[index].isNaN {
      if best.map({ values[index] > values[$0] }) ?? true { best = index }
    }
    return best
  }
}
