/// Where everything in a trace file is: its tokens, and its records in the order of execution.
///
/// It is taken from the file's own index, which is used in place: it costs 4 bytes per record. Where the index is
/// missing or damaged it is made by walking through the file chunk by chunk, and costs 32 bytes per record.
struct TraceIndex {
  var tokens: [Int: TraceToken] = [:]
  var problems: [TraceError] = []
  /// Whether the file ends with an index and a tail, both undamaged.
  private(set) var isComplete = false
  /// The names of all records, in the order of execution.
  private(set) var names: [TensorName] = []

  /// By number of a name: whether its records without a layer come before the layers.
  private var isBeforeLayers: [Bool] = []
  /// By number in the file's index: the number of a name.
  private var nameNumbers: [UInt32] = []
  /// By place in the order of execution: the number of the record's entry in the file's index, where that is good.
  private var entryNumbers: [UInt32] = []
  private var entriesOffset = 0
  private var entriesEnd = 0
  private var indexOffset = 0
  /// By place in the order of execution: the records that were found by walking.
  private var found: [RecordEntry] = []

  var positionsWithoutToken: Set<Int> = []
  /// The last position that was seen to have a token.
  var positionWithToken = -1

  /// Bytes whose checksums were computed in search of good chunks.
  var searchedByteCount = 0
  /// Bytes that may still be spent on chunks that turn out not to be good.
  var searchBudget = 0

  /// Finds what a file holds.
  ///
  /// - Parameter headerLength: where the first token or record begins.
  init(_ bytes: RawSpan, headerLength: Int) {
    do throws(TraceError) {
      try readIndex(bytes, headerLength: headerLength)
      isComplete = true
    } catch {
      problems.append(error)
      entryNumbers = []
      var (records, names) = walk(bytes, headerLength: headerLength)
      let numbers = take(names: names)
      for place in records.indices { records[place].name = numbers[Int(records[place].name)] }
      let doubled: [TraceError]
      (found, doubled) = inOrder(records) { $0 }
      problems += doubled
    }
  }

  /// Number of records.
  var recordCount: Int { entryNumbers.count + found.count }

  /// A record, by its place in the order of execution.
  func entry(at place: Int, in bytes: RawSpan) -> RecordEntry {
    found.isEmpty ? entry(number: entryNumbers[place], in: bytes) : found[place]
  }

  /// A record, by the number of its entry in the file's index, which has been checked.
  private func entry(number: UInt32, in bytes: RawSpan) -> RecordEntry {
    let start = entriesOffset + Int(number) * ChunkLayout.indexEntryLength
    let next = start + ChunkLayout.indexEntryLength
    let isLast = next == entriesEnd
    let offset = Int(truncatingIfNeeded: bytes.integer(at: start, as: UInt64.self))
    let end = isLast ? indexOffset : Int(truncatingIfNeeded: bytes.integer(at: next, as: UInt64.self))
    let nameAndLayer = bytes.integer(at: start + 8, as: UInt64.self)
    return RecordEntry(
      offset: offset, chunkLength: end - offset,
      name: nameNumbers[Int(UInt32(truncatingIfNeeded: nameAndLayer))],
      layer: Int32(truncatingIfNeeded: nameAndLayer >> 32), position: bytes.integer(at: start + 16, as: UInt32.self))
  }

  /// The key of a record.
  func key(_ entry: RecordEntry) -> RecordKey {
    RecordKey(
      names[Int(entry.name)], layer: entry.layer < 0 ? nil : Int(entry.layer), position: Int(entry.position))
  }

  /// Where the layer of a record stands in the order of execution: before the layers, the layers, after them.
  func layerRank(_ entry: RecordEntry) -> Int {
    entry.layer >= 0 ? Int(entry.layer) : isBeforeLayers[Int(entry.name)] ? -1 : Int.max
  }

  /// The place of a record in the order of execution; nil when there is none.
  func place(of key: RecordKey, in bytes: RawSpan) -> Int? {
    var (low, high) = (0, recordCount)
    while low < high {
      let middle = (low + high) / 2
      if self.key(entry(at: middle, in: bytes)) < key { low = middle + 1 } else { high = middle }
    }
    return low < recordCount && self.key(entry(at: low, in: bytes)) == key ? low : nil
  }

  /// Takes all names.
  ///
  /// - Returns: for each, its number in the order of execution.
  private mutating func take(names given: [TensorName]) -> [UInt32] {
    let sorted = given.indices.sorted { given[$0] < given[$1] }
    names = sorted.map { given[$0] }
    isBeforeLayers = names.map { $0.site?.scope == .before }
    var numbers = [UInt32](repeating: 0, count: given.count)
    for (number, index) in sorted.enumerated() { numbers[index] = UInt32(number) }
    return numbers
  }

  /// Takes tokens and records from the index.
  private mutating func readIndex(_ bytes: RawSpan, headerLength: Int) throws(TraceError) {
    let index = try IndexChunk(bytes, headerLength: headerLength)
    nameNumbers = take(names: index.names.map { TensorName($0) })
    guard let entryCount = UInt32(exactly: index.entryCount) else {
      throw .invalidField(
        .index, offset: index.extent.offset, field: "number of entries",
        expected: "at most \(UInt32.max), which is what this reader can hold", found: "\(index.entryCount)")
    }
    (entriesOffset, indexOffset) = (index.entriesOffset, index.extent.offset)
    entriesEnd = entriesOffset + index.entryCount * ChunkLayout.indexEntryLength
    entryNumbers.reserveCapacity(index.entryCount)
    var isSorted = true
    var last: RecordEntry?

    var expectedOffset = headerLength
    // Names are numbered in the order in which they first occur, so a new one is always the next.
    var usedNameCount = 0
    for number in 0..<entryCount {
      let place = index.entriesOffset + Int(number) * ChunkLayout.indexEntryLength
      func invalid(_ field: String, _ expected: String, _ found: String) -> TraceError {
        .invalidField(.index, offset: place, field: field, expected: expected, found: found)
      }
      let offset = bytes.integer(at: place, as: UInt64.self)
      let nextPlace = place + ChunkLayout.indexEntryLength
      let end =
        number + 1 < entryCount ? bytes.integer(at: nextPlace, as: UInt64.self) : UInt64(index.extent.offset)
      guard offset == UInt64(expectedOffset) else { throw invalid("offset", "\(expectedOffset)", "\(offset)") }
      guard end > offset, end <= UInt64(index.extent.offset), end % UInt64(ChunkLayout.alignment) == 0 else {
        throw invalid("end", "a multiple of 64 above \(offset), up to \(index.extent.offset)", "\(end)")
      }
      expectedOffset = Int(end)
      let name = bytes.integer(at: place + 8, as: UInt32.self)
      let layer = bytes.integer(at: place + 12, as: Int32.self)
      let position = bytes.integer(at: place + 16, as: UInt32.self)
      guard position <= UInt32(Int32.max) else { throw invalid("position", "below 2147483648", "\(position)") }
      let isToken = name == ChunkLayout.tokenEntryName
      guard layer == -1 || (layer >= 0 && !isToken) else {
        throw invalid("layer", isToken ? "-1 for a token" : "-1 or more", "\(layer)")
      }
      if bytes.integer(at: place + 20, as: UInt32.self) != 0 {
        try bytes.requireZero((place + 20)..<(place + 24), of: .index)
      }
      if isToken {
        readToken(bytes, at: Int(offset), chunkLength: Int(end - offset), position: Int(position))
      } else {
        guard Int(name) < index.names.count else { throw invalid("name", "below \(index.names.count)", "\(name)") }
        guard Int(name) <= usedNameCount else {
          throw invalid("name", "at most \(usedNameCount), the next in order of first occurrence", "\(name)")
        }
        usedNameCount = max(usedNameCount, Int(name) + 1)
        let entry = RecordEntry(
          offset: Int(offset), chunkLength: Int(end - offset), name: nameNumbers[Int(name)], layer: layer,
          position: position)
        isSorted = isSorted && last.map { precedes($0, entry) && !isSameRecord($0, entry) } ?? true
        last = entry
        entryNumbers.append(number)
        requireToken(for: Int(position), offset: Int(offset))
      }
    }
    guard expectedOffset == index.extent.offset else {
      throw .invalidField(
        .index, offset: index.extent.offset, field: "first entry", expected: "one at \(headerLength)", found: "none")
    }
    guard usedNameCount == index.names.count else {
      throw .invalidField(
        .index, offset: index.extent.offset, field: "names", expected: "\(usedNameCount), those of the records",
        found: "\(index.names.count), \(index.names[usedNameCount]) among them")
    }
    if !isSorted {
      let doubled: [TraceError]
      (entryNumbers, doubled) = inOrder(entryNumbers) { entry(number: $0, in: bytes) }
      problems += doubled
    }
  }

  /// Notes a position whose record comes before its token, once.
  mutating func requireToken(for position: Int, offset: Int) {
    guard position != positionWithToken else { return }
    if tokens[position] != nil {
      positionWithToken = position
    } else if positionsWithoutToken.insert(position).inserted {
      problems.append(.tokenMissing(position: position, offset: offset))
    }
  }

  private func precedes(_ left: RecordEntry, _ right: RecordEntry) -> Bool {
    if left.position != right.position { return left.position < right.position }
    let (first, second) = (layerRank(left), layerRank(right))
    if first != second { return first < second }
    return left.name != right.name ? left.name < right.name : left.offset < right.offset
  }

  private func isSameRecord(_ left: RecordEntry, _ right: RecordEntry) -> Bool {
    left.position == right.position && left.layer == right.layer && left.name == right.name
  }

  /// Puts records into the order of execution, and takes doubled ones out.
  private func inOrder<Record>(
    _ records: consuming [Record], _ entry: (Record) -> RecordEntry
  ) -> (records: [Record], doubled: [TraceError]) {
    var doubled: [TraceError] = []
    records.sort { precedes(entry($0), entry($1)) }
    var kept = 0
    for index in records.indices {
      if kept > 0, isSameRecord(entry(records[kept - 1]), entry(records[index])) {
        let (first, second) = (entry(records[kept - 1]), entry(records[index]))
        doubled.append(.recordedTwice(key(first), offset: second.offset, other: first.offset))
      } else {
        records[kept] = records[index]
        kept += 1
      }
    }
    records.removeLast(records.count - kept)
    return (records, doubled)
  }
}

/// Where a record stands in its file and in the order of execution.
package struct RecordEntry: Sendable {
  /// Where its chunk begins.
  package var offset: Int
  /// Bytes of its chunk.
  package var chunkLength: Int
  /// Number of its name among the trace's names, in the order of execution.
  package var name: UInt32
  /// The layer; -1 outside the layers.
  package var layer: Int32
  /// The position.
  package var position: UInt32
}
