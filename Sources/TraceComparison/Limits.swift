/// The limits that hold for one tensor; see `Tolerance` for the rule.
public struct Limits: Equatable, Sendable {
  /// Relative tolerance.
  public var rtol: Double
  /// Absolute tolerance.
  public var atol: Double
  /// Greatest distance in representable numbers; nil where it does not count.
  public var ulp: UInt64?
  /// Whether only equal bits pass.
  public var isExact: Bool

  /// Limits.
  public init(rtol: Double, atol: Double, ulp: UInt64? = nil, isExact: Bool = false) {
    self.rtol = rtol
    self.atol = atol
    self.ulp = ulp
    self.isExact = isExact
  }

  /// What an element may be away from the expected one: `atol + rtol * max(abs(expected), rms)`.
  @inline(__always)
  public func allowance(expected: Double, rms: Double) -> Double { atol + rtol * max(abs(expected), rms) }

  /// Whether two finite elements of different bits are near enough.
  ///
  /// - Parameter ulps: their distance in representable numbers.
  @inline(__always)
  public func accepts(error: Double, allowance: Double, ulps: UInt64) -> Bool {
    if isExact { return false }
    if let ulp, ulps <= ulp { return true }
    return error.isFinite && error <= allowance
  }

  /// How far an accepted or refused element went: error over allowance, or ulps over their limit if that is less. Up to
  /// 1 is within tolerance.
  @inline(__always)
  func ratio(error: Double, allowance: Double, ulps: UInt64) -> Double {
    if isExact { return .infinity }
    let ratio = Self.quotient(error, allowance)
    guard let ulp else { return ratio }
    return min(ratio, Self.quotient(Double(ulps), Double(ulp)))
  }

  @inline(__always)
  private static func quotient(_ error: Double, _ limit: Double) -> Double {
    // An error that overflows stands in no ratio to an allowance that does too.
    error == 0 ? 0 : error.isFinite && limit > 0 ? error / limit : .infinity
  }
}
