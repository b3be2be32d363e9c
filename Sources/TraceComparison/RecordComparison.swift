import PlatformLibc
public import TraceFormat

/// How one record differs from another of the same shape.
public struct RecordComparison: Equatable, Sendable {
  /// The limits that were applied.
  public var limits: Limits
  /// Number of elements.
  public var elementCount = 0
  /// Whether format and bytes are the same.
  public var isIdentical = false
  /// Elements whose bits differ. Of different formats, elements whose values differ as float64; where only equal bits
  /// pass, all of them, since different formats never have equal bits.
  public var differing = 0
  /// Elements beyond tolerance.
  public var beyond = 0
  /// Elements that are NaN on both sides with different bits.
  public var nanPairs = 0
  /// Elements where NaN or an infinity stands against something else.
  public var nonFiniteMismatches = 0
  /// The element that went farthest: NaN or infinity against something else before all others, then the greatest ratio
  /// of error to allowance. Nil when no element differs.
  public var worst: ElementDifference?
  /// Greatest absolute error of finite elements.
  public var greatestAbsoluteError = 0.0
  /// Greatest relative error of finite elements.
  public var greatestRelativeError = 0.0
  /// Greatest distance of finite elements in representable numbers.
  public var greatestUlpError: UInt64 = 0
  /// Greatest of `error / max(abs(expected), rms)` over the finite elements: the measure that rtol limits.
  public var greatestScaledError = 0.0
  /// Root mean square of the error over the finite elements.
  public var errorRMS = 0.0
  /// The expected payload as a whole. Of identical records only the counts of NaN and infinity are known.
  public var expected = PayloadSummary()
  /// The actual payload as a whole, likewise.
  public var actual = PayloadSummary()
  /// The smallest rtol that would pass with the given atol and ulp; nil when none would.
  public var smallestRtol: Double? = 0
  /// The smallest atol that would pass with the given rtol and ulp; nil when none would.
  public var smallestAtol: Double? = 0

  /// The smallest distance in ulp that would pass with the given rtol and atol; nil when none would.
  public var smallestUlp: UInt64? = 0

  /// Whether the formats differ and all values are equal.
  public var isEqualInOtherType: Bool { !isIdentical && differing == 0 }

  /// Whether every element is within tolerance.
  public var passes: Bool { beyond == 0 }

  /// The greatest ratio of error to allowance.
  public var ratio: Double { worst?.ratio ?? 0 }

  /// Compares two records of the same shape; nil when their shapes differ.
  ///
  /// - Complexity: O(n); equal bytes cost one pass of memcmp(3) and a count of NaN and infinities.
  public init?(expected: RecordView, actual: RecordView, limits: Limits) {
    guard expected.shape == actual.shape, expected.elementCount == actual.elementCount else { return nil }
    self.limits = limits
    elementCount = expected.elementCount
    if expected.elementType == actual.elementType {
      if Self.bytesAreEqual(expected.payload, actual.payload) {
        isIdentical = true
        self.expected = nonFiniteCounts(expected)
        self.actual = self.expected
        return
      }
      switch expected.elementType {
      case .float32: compareFloat32(expected.payload, actual.payload, unit: .widest)
      case .float64: compare(expected, actual, SamePair<Double>())
      case .float16: compare(expected, actual, SamePair<HalfElement>())
      case .bfloat16: compare(expected, actual, SamePair<BrainElement>())
      case .int8: compare(expected, actual, SamePair<Int8>())
      }
    } else {
      compare(expected, actual, MixedPair(expectedType: expected.elementType, actualType: actual.elementType))
      if limits.isExact { takeAllAsDifferent(expected, actual) }
    }
  }

  /// What comes of two records of equal bytes whose elements are finite.
  init(equalElements elementCount: Int) {
    limits = Limits(rtol: 0, atol: 0)
    self.elementCount = elementCount
    isIdentical = true
  }

  /// Under exact limits every element of another format is beyond them; where all values are equal, the first stands
  /// for them.
  private mutating func takeAllAsDifferent(_ expected: RecordView, _ actual: RecordView) {
    beyond = elementCount
    differing = elementCount
    guard worst == nil, elementCount > 0 else { return }
    let value = expected.element(0)
    worst = ElementDifference(
      index: 0, expected: value, actual: actual.element(0), absoluteError: 0, relativeError: 0,
      ulpError: value.isFinite ? 0 : nil, allowance: 0, ratio: .infinity, isBeyond: true)
  }

  private static func bytesAreEqual(_ first: RawSpan, _ second: RawSpan) -> Bool {
    guard first.byteCount == second.byteCount else { return false }
    return first.withUnsafeBytes { one in
      second.withUnsafeBytes { two in
        guard let left = one.baseAddress, let right = two.baseAddress else { return true }
        return memcmp(left, right, one.count) == 0
      }
    }
  }
}
