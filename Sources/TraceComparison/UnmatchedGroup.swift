package import TraceFormat

/// The records of one name that only one of the traces has, for one reason: where a site is missing, it is mostly
/// missing everywhere.
public struct UnmatchedGroup: Equatable, Sendable {
  /// The first of them, in the order of execution.
  public let first: UnmatchedRecord
  /// Number of records.
  public private(set) var recordCount = 0
  /// The layers from the first to the last; nil for a tensor outside the layers.
  public private(set) var layers: ClosedRange<Int>?
  /// The positions from the first to the last.
  public private(set) var positions: ClosedRange<Int>

  /// A group that a record begins; it is yet to be added.
  package init(_ first: UnmatchedRecord) {
    self.first = first
    positions = first.key.position...first.key.position
  }

  /// Takes a record of the same name and reason.
  package mutating func add(_ key: RecordKey) {
    recordCount += 1
    positions = positions.extended(to: key.position)
    if let layer = key.layer { layers = layers?.extended(to: layer) ?? layer...layer }
  }

  /// Whether every layer and position in the ranges lacks its record.
  var isWithoutGap: Bool { recordCount == positions.count * (layers?.count ?? 1) }
}

extension UnmatchedGroup: CustomStringConvertible {
  /// As `q.rope, layers 0..11, positions 3..9: 84 records`.
  public var description: String {
    if recordCount == 1 { return "\(first.key)" }
    let places = [layers?.text("layer"), positions.text("position")].compactMap { $0 }
    let place = places.joined(separator: ", ")
    return "\(first.key.name.text), \(isWithoutGap ? "" : "among ")\(place): \(count(recordCount, "record"))"
  }
}
