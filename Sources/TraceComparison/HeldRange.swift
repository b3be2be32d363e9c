public import TraceFormat

/// Which layers and positions a trace holds.
public struct HeldRange: Equatable, Sendable {
  /// From the first layer to the last; nil where no record has one.
  public private(set) var layers: ClosedRange<Int>?
  /// From the first position to the last; nil where there are no records.
  public private(set) var positions: ClosedRange<Int>?

  /// Of a trace without records.
  public init() {}

  init(layers: ClosedRange<Int>?, positions: ClosedRange<Int>) {
    self.layers = layers
    self.positions = positions
  }

  /// Takes in one more record.
  public mutating func add(_ key: RecordKey) {
    if let layer = key.layer { layers = layers?.extended(to: layer) ?? layer...layer }
    positions = positions?.extended(to: key.position) ?? key.position...key.position
  }
}

extension HeldRange: CustomStringConvertible {
  /// As `layers 0..11, positions 3..9`.
  public var description: String {
    guard let positions else { return "no records" }
    return [layers?.text("layer"), positions.text("position")].compactMap { $0 }
      .joined(separator: ", ")
  }
}
