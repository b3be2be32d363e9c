/// A value for each side of a comparison.
public struct BySide<Value: Sendable>: Sendable {
  /// That of the reference.
  public var expected: Value
  /// That of what is tested.
  public var actual: Value

  /// Both values.
  public init(_ expected: Value, _ actual: Value) {
    self.expected = expected
    self.actual = actual
  }

  /// That of a side.
  public subscript(side: Side) -> Value {
    get { side == .expected ? expected : actual }
    set { if side == .expected { expected = newValue } else { actual = newValue } }
  }
}

extension BySide<String> {
  /// What two traces are called.
  package static let traces = BySide(Side.expected.rawValue, Side.actual.rawValue)
}
