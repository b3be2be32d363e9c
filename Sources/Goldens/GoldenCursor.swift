import TraceFormat

/// Visits the records of a golden in the order of execution.
struct GoldenCursor {
  /// A record and its key.
  struct Entry {
    let key: RecordKey
    let record: GoldenRecord
  }

  private let groups: [GoldenGroup]
  private let names: [Site.Scope: [TensorName]]
  private var group = 0
  private var place = 0

  init(_ golden: Golden) {
    groups = golden.groups
    names = Dictionary(grouping: golden.tensors, by: \.scope).mapValues { $0.map(\.name) }
  }

  /// The next record; nil after the last.
  mutating func next() -> Entry? {
    while group < groups.count {
      let current = groups[group]
      while place < current.records.count {
        defer { place += 1 }
        guard let record = current.records[place], let name = names[current.place.scope]?[place] else { continue }
        let key = RecordKey(name, layer: current.place.layer, position: current.place.position)
        return Entry(key: key, record: record)
      }
      (group, place) = (group + 1, 0)
    }
    return nil
  }
}
