/// Where the records of a trace in several files are, in the order of execution.
struct PartPlaces: Sendable {
  /// A record: the number of its file, and its place in the file's own order of execution.
  struct Record: Sendable {
    var part: UInt32
    var place: UInt32
  }

  /// A further copy of a record.
  private struct Copy {
    /// The record's place.
    var original: Int
    var record: Record
  }

  /// What is wrong with records that several parts hold.
  private(set) var problems: [TraceError] = []
  private var records: [Record] = []
  /// In the order of their originals.
  private var copies: [Copy] = []

  /// Two files.
  private struct Pair: Hashable {
    var first: UInt32
    var second: UInt32
  }

  /// Merges the orders of all parts; where two hold the same record, the one that was given first is used.
  ///
  /// - Complexity: O(n p) for n records in p files.
  init(_ parts: [TraceParts.Part]) {
    var cursors = PartCursor.all(parts)
    records.reserveCapacity(parts.map { $0.file.recordCount }.max() ?? 0)
    var differing: [(pair: Pair, key: RecordKey, count: Int)] = []
    while let number = PartCursor.first(cursors) {
      let record = Record(part: UInt32(number), place: UInt32(cursors[number].place))
      let original = records.count
      records.append(record)
      let order = cursors[number].order
      cursors[number].advance(parts[number].file)
      for other in parts.indices.dropFirst(number + 1) where cursors[other].order == order {
        let copy = Record(part: UInt32(other), place: UInt32(cursors[other].place))
        copies.append(Copy(original: original, record: copy))
        cursors[other].advance(parts[other].file)
        guard Self.checksum(parts, record) != Self.checksum(parts, copy) else { continue }
        let pair = Pair(first: record.part, second: copy.part)
        if let known = differing.firstIndex(where: { $0.pair == pair }) {
          differing[known].count += 1
        } else {
          differing.append((pair, parts[number].file.key(at: Int(record.place)), 1))
        }
      }
    }
    problems = differing.map { pair, key, count in
      .copiesDiffer(
        key, more: count - 1, path: parts[Int(pair.first)].file.path, otherPath: parts[Int(pair.second)].file.path)
    }
  }

  private static func checksum(_ parts: [TraceParts.Part], _ record: Record) -> UInt64 {
    let part = parts[Int(record.part)]
    return part.file.recordedChecksum(part.file.entry(at: Int(record.place)))
  }

  /// Number of records.
  var count: Int { records.count }

  /// Number of further copies of records.
  var copyCount: Int { copies.count }

  /// A record, by its place in the order of execution.
  func record(at place: Int) -> Record { records[place] }

  /// The further copies of a record.
  func copies(ofRecordAt place: Int) -> [Record] {
    var (low, high) = (0, copies.count)
    while low < high {
      let middle = (low + high) / 2
      if copies[middle].original < place { low = middle + 1 } else { high = middle }
    }
    return copies[low...].prefix { $0.original == place }.map(\.record)
  }
}
