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

  /// The number of the part whose record comes first; of several copies, the first part's. nil where all are at their
  /// ends.
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
