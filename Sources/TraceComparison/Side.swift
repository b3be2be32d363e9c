/// One of the two traces.
public enum Side: String, Sendable, CaseIterable {
  /// The reference's trace.
  case expected
  /// The trace under test.
  case actual

  /// The other one.
  public var other: Side { self == .expected ? .actual : .expected }
}
