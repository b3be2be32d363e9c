public import TraceFormat

/// What a comparison found of one tensor at one layer, over all positions.
public struct SiteCase: Sendable {
  /// Which tensor.
  public let name: TensorName
  /// The layer; nil outside the layers.
  public let layer: Int?
  /// What was counted and measured.
  public internal(set) var numbers = Numbers()
  /// The first record beyond tolerance, in the order of execution.
  public internal(set) var firstDivergence: Finding?
  /// The first record that only one of the traces has.
  public internal(set) var firstUnmatched: (side: Side, record: UnmatchedRecord)?
  /// The first record whose shapes differ.
  public internal(set) var firstShapeMismatch: Verdict.ShapeMismatch?
  /// The first record that cannot be read, and why.
  public internal(set) var firstProblem: Verdict.Problem?

  /// Counts and greatest errors. Plain numbers, so that counting a record touches nothing else.
  public struct Numbers: Sendable {
    /// Records compared.
    public internal(set) var records = 0
    /// Elements compared.
    public internal(set) var elements = 0
    /// Compared records that are not the same bytes of the same format.
    public internal(set) var differing = 0
    /// Compared records beyond tolerance.
    public internal(set) var divergent = 0
    /// Elements where NaN or an infinity stands against something else.
    public internal(set) var nonFiniteMismatches = 0
    /// Greatest of `error / max(abs(expected), rms)` over the finite elements.
    public internal(set) var scaledError = 0.0
    /// Greatest ratio of error to allowance.
    public internal(set) var ratio = 0.0
    /// Greatest distance of finite elements in representable numbers.
    public internal(set) var ulpError: UInt64 = 0
    /// The position of the greatest error, one with NaN or infinity against something else before all others; -1 where
    /// no value differs.
    public internal(set) var worstPosition = -1
    /// Records that were not asked for, or that lie behind the place where the tokens part.
    public internal(set) var leftOut = 0
    /// Records that only one of the traces has.
    public internal(set) var unmatched = 0
    /// Records whose shapes differ.
    public internal(set) var shapeMismatches = 0
    /// Records that cannot be read.
    public internal(set) var unreadable = 0

    /// Counts a record that was compared.
    @inline(__always)
    mutating func count(_ elementCount: Int) {
      records += 1
      elements += elementCount
    }

    /// Takes a record that was compared and differs.
    mutating func takeDifference(_ result: RecordComparison, position: Int) {
      differing += 1
      if !result.passes { divergent += 1 }
      ratio = max(ratio, result.ratio)
      ulpError = max(ulpError, result.greatestUlpError)
      let isWorse =
        result.nonFiniteMismatches > 0
        ? nonFiniteMismatches == 0 : nonFiniteMismatches == 0 && result.greatestScaledError > scaledError
      if isWorse { worstPosition = position }
      scaledError = max(scaledError, result.greatestScaledError)
      nonFiniteMismatches += result.nonFiniteMismatches
    }
  }

  init(name: TensorName, layer: Int?) {
    self.name = name
    self.layer = layer
  }

  /// Where the case stands in the order of execution within one position.
  var order: RecordKey { RecordKey(name, layer: layer, position: 0) }
}
