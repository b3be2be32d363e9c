public import TraceFormat

/// How far an actual element may lie from the expected one.
///
/// An element passes if its bits are equal, if both are NaN, if it lies within `ulp`, or if it is finite and
///
///     abs(actual - expected) <= atol + rtol * max(abs(expected), rms(expected tensor))
///
/// where rms is the root mean square of the expected tensor's finite elements. An element near zero carries the
/// rounding of the whole sum that made it, so its allowance scales with its tensor.
///
/// What follows from this, and is decided before any arithmetic: NaN against a number, infinity against a finite number
/// and infinities of opposite sign never pass, whatever the tolerance; +0 and -0 are equal in value. An infinite
/// element of the expected tensor does not widen the allowance of the others.
///
/// With `ulp`, whichever of `rtol` and `atol` is not given for all tensors is zero, so that the distance in ulp alone
/// decides where no other limit was asked for. `exact` asks for equal bits and takes no other limit; there, NaN of
/// different bits differ, and so do +0 and -0.
public struct Tolerance: Equatable, Sendable {
  /// A limit for the tensors whose name matches a pattern.
  public struct Override: Equatable, Sendable {
    /// Which tensors.
    public var pattern: NamePattern
    /// The limit.
    public var value: Double

    /// An override.
    public init(_ pattern: NamePattern, _ value: Double) {
      self.pattern = pattern
      self.value = value
    }
  }

  /// Relative tolerance: finite, not negative.
  public var rtol: Double
  /// Absolute tolerance: finite, not negative.
  public var atol: Double
  /// Greatest distance in representable numbers, not negative; nil where it does not count.
  public var ulp: Int?
  /// Whether only equal bits pass.
  public var isExact: Bool
  /// Relative tolerances of single tensors; the last one that matches counts.
  public var rtolOverrides: [Override]
  /// Absolute tolerances of single tensors; the last one that matches counts.
  public var atolOverrides: [Override]

  /// A tolerance of relative and absolute limits and a distance in ulp.
  ///
  /// - Parameters:
  ///   - rtol: relative tolerance; by default that of `Tolerance.default`, or zero where `ulp` is given.
  ///   - atol: absolute tolerance, with the same default.
  public init(
    rtol: Double? = nil, atol: Double? = nil, ulp: Int? = nil,
    rtolOverrides: [Override] = [], atolOverrides: [Override] = []
  ) {
    self.rtol = rtol ?? (ulp == nil ? Self.defaultRtol : 0)
    self.atol = atol ?? (ulp == nil ? Self.defaultAtol : 0)
    self.ulp = ulp
    isExact = false
    self.rtolOverrides = rtolOverrides
    self.atolOverrides = atolOverrides
  }

  /// The tolerance that only equal bits pass.
  public static let exact: Tolerance = {
    var tolerance = Tolerance(rtol: 0, atol: 0)
    tolerance.isExact = true
    return tolerance
  }()

  /// The tolerance that counts where none is given; `docs/tolerances.md` has the measurements behind it.
  public static let `default` = Tolerance(rtol: defaultRtol, atol: defaultAtol)

  private static let defaultRtol = 2e-4
  /// A floor for results that one side flushed to zero.
  private static let defaultAtol = 1e-30

  /// The limits for one tensor.
  public func limits(for name: TensorName) -> Limits {
    func limit(_ value: Double, _ overrides: [Override]) -> Double {
      overrides.last { $0.pattern.matches(name.text) }?.value ?? value
    }
    return Limits(
      rtol: limit(rtol, rtolOverrides), atol: limit(atol, atolOverrides), ulp: ulp.map { UInt64(max(0, $0)) },
      isExact: isExact)
  }

  /// Whether the inequality decides anything: not where only bits or only ulps count.
  var usesInequality: Bool {
    !isExact && (rtol > 0 || atol > 0 || ulp == nil || !rtolOverrides.isEmpty || !atolOverrides.isEmpty)
  }

  /// The inequality, as help and reports print it.
  public static let inequality = "abs(actual - expected) <= atol + rtol * max(abs(expected), rms(expected tensor))"
}

extension Tolerance: CustomStringConvertible {
  /// As `rtol 0.0002, atol 1e-30`.
  public var description: String {
    if isExact { return "exact (equal bits)" }
    var parts: [String] = []
    if rtol > 0 || atol > 0 || ulp == nil {
      parts += ["rtol \(NumberText.plain(rtol))", "atol \(NumberText.plain(atol))"]
    }
    if let ulp { parts.append("ulp \(ulp)") }
    parts += rtolOverrides.map { "rtol \($0.pattern.text)=\(NumberText.plain($0.value))" }
    parts += atolOverrides.map { "atol \($0.pattern.text)=\(NumberText.plain($0.value))" }
    return parts.joined(separator: ", ")
  }
}
