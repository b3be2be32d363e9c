public import TraceFormat

/// What the comparison of two traces found.
public struct Verdict: Sendable {
  /// The answer in one word.
  public enum Outcome: String, Sendable, CaseIterable {
    /// All compared records have equal bytes.
    case identical
    /// Some differ, all are within tolerance.
    case withinTolerance = "within_tolerance"
    /// At least one is beyond tolerance, or the tokens part.
    case diverged
    /// The traces cannot be judged against each other.
    case incomparable
  }

  /// What stands in one trace that is wrong.
  public struct Problem: Equatable, Sendable {
    /// Which trace; nil where it is neither's, but that of an option.
    public var side: Side?
    /// One line.
    public var message: String

    /// A problem.
    public init(side: Side?, message: String) {
      self.side = side
      self.message = message
    }

    /// Both in one line.
    package var text: String { side.map { "\($0.rawValue): \(message)" } ?? message }
  }

  /// A record whose shape differs.
  public struct ShapeMismatch: Equatable, Sendable {
    /// Which record.
    public var key: RecordKey
    /// The expected shape.
    public var expected: TensorShape
    /// The actual shape.
    public var actual: TensorShape

    /// A mismatch.
    package init(key: RecordKey, expected: TensorShape, actual: TensorShape) {
      (self.key, self.expected, self.actual) = (key, expected, actual)
    }
  }

  /// The tolerance that was applied.
  public internal(set) var tolerance: Tolerance
  /// Which records were asked for.
  public internal(set) var filter: RecordFilter
  /// Whether only what both traces have was to be compared.
  public internal(set) var comparesCommonOnly: Bool
  /// Who wrote the expected and the actual trace.
  public internal(set) var producers: (expected: String, actual: String)
  /// Sizes of the model that differ, and other differences between the headers.
  public internal(set) var headers: HeaderComparison
  /// Number of records compared.
  public internal(set) var comparedRecords = 0
  /// Number of elements compared.
  public internal(set) var comparedElements = 0
  /// Number of compared records that differ: in their bits, or where the formats differ in value.
  public internal(set) var differingRecords = 0
  /// Number of compared records whose values are equal, in different formats. Where only equal bits pass there is none:
  /// such records differ.
  public internal(set) var equalInOtherTypeRecords = 0
  /// Number of compared records beyond tolerance.
  public internal(set) var divergentRecords = 0
  /// The first record, in the order of execution, that differs; where none does, the first of equal values in another
  /// dtype.
  public internal(set) var firstDifference: Finding?
  /// The first record, in the order of execution, that is beyond tolerance.
  public internal(set) var firstDivergence: Finding?
  /// The record with the greatest ratio of error to allowance.
  public internal(set) var worst: Finding?
  /// The smallest rtol that, in the place of all that were given, would pass everywhere with the given atol and ulp;
  /// nil when none would.
  public internal(set) var smallestRtol: Double? = 0
  /// The smallest distance in ulp that would pass everywhere with the given rtol and atol; nil when none would.
  public internal(set) var smallestUlp: UInt64? = 0
  /// Whether the comparison stopped at the first divergence, as was asked, and did not look at what comes after it.
  public internal(set) var isStopped = false
  /// Records that the other trace lacks, by the trace that holds them.
  public internal(set) var unmatched = BySide(UnmatchedRecords(), UnmatchedRecords())
  /// The layers and positions that each trace holds.
  public internal(set) var held: [Side: HeldRange] = [:]
  /// Records whose shapes differ.
  public internal(set) var shapeMismatches = Listing<ShapeMismatch>()
  /// Where the tokens part; nil where they agree, or part only outside the positions that were asked for.
  public internal(set) var tokensPart: TokenParting?
  /// What is wrong with the traces.
  public internal(set) var problems = Listing<Problem>()
  /// What else a reader should know.
  public internal(set) var notes: [String] = []
  /// The first position at which greedy decoding would choose another token.
  public internal(set) var tokenFlip: TokenFlip?
  /// What was found of each tensor at each layer, in the order of execution. Empty where the models' sizes differ.
  ///
  /// - Complexity: O(n log n) in the number of tensors times layers; put together at every call.
  public var cases: [SiteCase] { caseTable.finished() }
  /// The same as it was counted.
  var caseTable = CaseTable()
  /// How the error travels.
  public internal(set) var travel = Travel()
  /// Patterns of the filter and of the tolerance that match no name in either trace.
  public internal(set) var unused = UnusedPatterns()

  /// The answer. The first of these that holds decides:
  ///
  /// 1. the models' sizes differ, or no element was compared: incomparable;
  /// 2. a trace is cut short or damaged: diverged if what is readable diverges, else incomparable;
  /// 3. records are unmatched, unless only the common ones were asked for, or shapes differ: incomparable;
  /// 4. a record is beyond tolerance or the tokens part: diverged;
  /// 5. within tolerance, or identical.
  public var outcome: Outcome {
    let lacksPartners = !unmatched.expected.isEmpty || !unmatched.actual.isEmpty
    return Outcome(
      isComparable: headers.conflicts.isEmpty && comparedElements > 0, hasProblems: !problems.isEmpty,
      isMatched: shapeMismatches.isEmpty && (comparesCommonOnly || !lacksPartners),
      diverges: divergentRecords > 0 || tokensPart != nil,
      differs: differingRecords > 0 || equalInOtherTypeRecords > 0)
  }

  /// As diff(1): 0 same, 1 different, 2 trouble.
  public var exitStatus: Int32 { outcome.exitStatus }

  /// The exit status of a comparison whose oracle was to be asked as well: 2 where it could not be, unless the traces
  /// diverge all the same.
  package func exitStatus(oracleProblem: String?) -> Int32 {
    oracleProblem == nil || outcome == .diverged ? exitStatus : 2
  }
}
