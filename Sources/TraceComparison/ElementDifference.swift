/// How one element differs.
public struct ElementDifference: Equatable, Sendable {
  /// Place in row-major order.
  public var index: Int
  /// Expected value.
  public var expected: Double
  /// Actual value.
  public var actual: Double
  /// `abs(actual - expected)`; NaN or infinite where a value is.
  public var absoluteError: Double
  /// Absolute error over the magnitude of the expected value; infinite where that is zero.
  public var relativeError: Double
  /// Distance in representable numbers; nil where a value is not finite.
  public var ulpError: UInt64?
  /// What the inequality allows.
  public var allowance: Double
  /// Error over allowance; up to 1 is within tolerance, infinite where no tolerance helps.
  public var ratio: Double
  /// Whether it is beyond tolerance.
  public var isBeyond: Bool

  /// Whether NaN or an infinity stands against something else: no tolerance accepts that.
  public var isNonFinite: Bool { !(expected.isFinite && actual.isFinite) }
}
