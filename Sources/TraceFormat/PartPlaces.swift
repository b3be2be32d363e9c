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

/// The next record of a part while its records are merged with those of others.
struct PartCursor {
  /// By number of a name in the file: its number among the names of all parts.
  private let numbers: [Int]
  private let count: Int
  private(set) var place = -1
  /// Where the record stands in the order of execution; nil after the last.
  private(set) var order: Order?

  /// A place in the order of execution.
  struct Order: Comparable {
    var position: Int
    var layer: Int
    var name: Int

    static func < (left: Order, right: Order) -> Bool {
      (left.position, left.layer, left.name) < (right.position, right.layer, right.name)
    }
  }

  /// A cursor at the first record of each part.
  static func all(_ parts: [TraceParts.Part]) -> [PartCursor] {
    let names = Set(parts.flatMap { $0.file.names }).sorted()
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    return parts.map { part in
      var cursor = PartCursor(numbers: part.file.names.map { numbers[$0] ?? 0 }, count: part.file.recordCount)
      cursor.advance(part.file)
      return cursor
    }
  }

  private init(numbers: [Int], count: Int) {
    self.numbers = numbers
    self.count = count
  }

  mutating func advance(_ file: borrowing TraceFile) {
    place += 1
    guard place < count else {
      order = nil
      return
    }
    let entry = file.entry(at: place)
    order = Order(position: Int(entry.position), layer: file.layerRank(entry), name: numbers[Int(entry.name)])
  }

  /// The number of the part whose record comes first; of several copies, the first part's. nil where all are at their ends.
  static func first(_ cursors: [PartCursor]) -> Int? {
    var best: Int?
    for number in cursors.indices {
      guard let order = cursors[number].order else { continue }
      if let known = best, let least = cursors[known].order, least <= order { continue }
      best = number
    }
    return best
  }
}
