import TraceFormat

/// The records that only one side of a comparison has.
public struct UnmatchedRecords: Sendable {
  /// The first of them.
  public private(set) var list = Listing<UnmatchedRecord>()
  /// All of them by name and reason, in the order of execution.
  public private(set) var groups: [UnmatchedGroup] = []
  /// How many there are for each reason.
  public private(set) var reasons: [UnmatchedRecord.Reason: Int] = [:]
  private var places: [GroupKey: Int] = [:]

  private struct GroupKey: Hashable {
    let name: TensorName
    let reason: UnmatchedRecord.Reason
  }

  /// None.
  package init() {}

  /// Whether there are none.
  public var isEmpty: Bool { list.isEmpty }

  /// How many there are.
  public var count: Int { list.count }

  /// Takes the next record in the order of execution.
  package mutating func append(_ record: UnmatchedRecord) {
    list.append(record)
    reasons[record.reason, default: 0] += 1
    let group = GroupKey(name: record.key.name, reason: record.reason)
    let place = places[group] ?? groups.count
    if place == groups.count {
      places[group] = place
      groups.append(UnmatchedGroup(record))
    }
    groups[place].add(record.key)
  }
}
