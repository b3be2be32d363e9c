package import TraceComparison
package import TraceFormat

/// What the check of a trace against a golden found. The golden is the expected side.
package struct GoldenVerdict: Sendable {
  /// The tolerance that was applied; a distance in ulp does not count.
  package internal(set) var tolerance: Tolerance
  /// Which records were asked for.
  package internal(set) var filter: RecordFilter
  /// Whether only what both have was to be compared.
  package internal(set) var comparesCommonOnly: Bool
  /// Who wrote the trace that the golden was recorded from, and the actual one.
  package internal(set) var producers: (expected: String, actual: String)
  /// Sizes of the model that differ, and other differences between the headers.
  package internal(set) var headers: HeaderComparison
  /// Number of records compared.
  package internal(set) var comparedRecords = 0
  /// Number of elements compared.
  package internal(set) var comparedElements = 0
  /// Number of compared records that differ: in their bits, or where the formats differ in value.
  package internal(set) var differingRecords = 0
  /// Number of compared records of another format whose values are equal as far as sketches tell.
  package internal(set) var equalInOtherTypeRecords = 0
  /// Number of compared records beyond tolerance.
  package internal(set) var divergentRecords = 0
  /// The first record, in the order of execution, that differs; where none does, the first of equal values in another
  /// dtype.
  package internal(set) var firstDifference: GoldenFinding?
  /// The first record, in the order of execution, that is beyond tolerance.
  package internal(set) var firstDivergence: GoldenFinding?
  /// The record with the greatest ratio of error to allowance.
  package internal(set) var worst: GoldenFinding?
  /// By tensor and layer, in the order of execution.
  package internal(set) var cases: [GoldenCase] = []
  /// Records that only the golden, or only the trace, has.
  package internal(set) var unmatched = BySide(UnmatchedRecords(), UnmatchedRecords())
  /// The layers and positions that each side holds.
  package internal(set) var held = (expected: HeldRange(), actual: HeldRange())
  /// Records whose shapes differ.
  package internal(set) var shapeMismatches = Listing<Verdict.ShapeMismatch>()
  /// Where the tokens part; nil where they agree, or part only outside the positions that were asked for.
  package internal(set) var tokensPart: TokenParting?
  /// What is wrong with the trace, or with the golden as the trace shows it.
  package internal(set) var problems = Listing<Verdict.Problem>()
  /// What else a reader should know.
  package internal(set) var notes: [String] = []
  /// Patterns of the filter and of both tolerances that match no name on either side.
  package internal(set) var unused = UnusedPatterns()

  /// The answer, by the rules of `Verdict.outcome`.
  package var outcome: Verdict.Outcome {
    let lacksPartners = !unmatched.expected.isEmpty || !unmatched.actual.isEmpty
    return Verdict.Outcome(
      isComparable: headers.conflicts.isEmpty && comparedElements > 0, hasProblems: !problems.isEmpty,
      isMatched: shapeMismatches.isEmpty && (comparesCommonOnly || !lacksPartners),
      diverges: divergentRecords > 0 || tokensPart != nil,
      differs: differingRecords > 0 || equalInOtherTypeRecords > 0)
  }

  /// As diff(1): 0 same, 1 different, 2 trouble.
  package var exitStatus: Int32 { outcome.exitStatus }
}
