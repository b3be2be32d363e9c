/// Where everything in a trace file is: its tokens, and its records in the order of execution.
///
/// Holds 32 bytes per record. It is taken from the file's own index, or, where that is missing or damaged, made by
/// walking through the file chunk by chunk.
struct TraceIndex {
  private(set) var tokens: [Int: TraceToken] = [:]
  private(set) var problems: [TraceError] = []
  /// Whether the file ends with an index and a tail, both undamaged.
  private(set) var isComplete = false
  /// The names of all records, in the order of execution.
  private var names: [TensorName] = []
  /// The records in the order of execution, each once.
  private(set) var entries: [Entry] = []

  private var positionsWithoutToken: Set<Int> = []

  /// Bytes whose checksums were computed in search of good chunks.
  private(set) var searchedByteCount = 0
  /// Bytes that may still be spent on chunks that turn out not to be good.
  private var searchBudget = 0
  /// How often the search may read what is no good chunk, as a multiple of the file's length.
  private static let searchEffort = 8

  /// A record's place. `name` counts in `names`, so that entries compare without looking names up.
  struct Entry {
    var offset: UInt64
    var chunkLength: UInt64
    var name: UInt32
    var layer: Int32
    var position: UInt32
  }

  /// Finds what a file holds.
  ///
  /// - Parameter headerLength: where the first token or record begins.
  init(_ bytes: RawSpan, headerLength: Int) {
    do throws(TraceError) {
      try readIndex(bytes, headerLength: headerLength)
      isComplete = true
    } catch {
      problems.append(error)
      walk(bytes, headerLength: headerLength)
    }
    sortEntries()
  }

  /// The key of a record, by its place in the order of execution.
  func key(at place: Int) -> RecordKey { key(entries[place]) }

  private func key(_ entry: Entry) -> RecordKey {
    RecordKey(names[Int(entry.name)], layer: entry.layer < 0 ? nil : Int(entry.layer), position: Int(entry.position))
  }

  /// The place of a record in the order of execution; nil when there is none.
  func place(of key: RecordKey) -> Int? {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if self.key(at: middle) < key { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && self.key(at: low) == key ? low : nil
  }

  /// Takes tokens and records from the index.
  private mutating func readIndex(_ bytes: RawSpan, headerLength: Int) throws(TraceError) {
    let index = try IndexChunk(bytes, headerLength: headerLength)
    var order = NameOrder()
    let numbers = index.names.map { order.number(of: TensorName($0)) }
    entries.reserveCapacity(index.entryCount)
    defer { names = order.names }

    var expectedOffset = headerLength
    // Names are numbered in the order in which they first occur, so a new one is always the next.
    var usedNameCount = 0
    for number in 0..<index.entryCount {
      let place = index.entriesOffset + number * ChunkLayout.indexEntryLength
      func invalid(_ field: String, _ expected: String, _ found: String) -> TraceError {
        .invalidField(.index, offset: place, field: field, expected: expected, found: found)
      }
      let offset = bytes.integer(at: place, as: UInt64.self)
      let nextPlace = place + ChunkLayout.indexEntryLength
      let end =
        number + 1 < index.entryCount ? bytes.integer(at: nextPlace, as: UInt64.self) : UInt64(index.extent.offset)
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
      try bytes.requireZero((place + 20)..<(place + 24), of: .index)
      if isToken {
        readToken(bytes, at: Int(offset), chunkLength: Int(end - offset), position: Int(position))
      } else {
        guard Int(name) < numbers.count else { throw invalid("name", "below \(numbers.count)", "\(name)") }
        guard Int(name) <= usedNameCount else {
          throw invalid("name", "at most \(usedNameCount), the next in order of first occurrence", "\(name)")
        }
        usedNameCount = max(usedNameCount, Int(name) + 1)
        entries.append(
          Entry(offset: offset, chunkLength: end - offset, name: numbers[Int(name)], layer: layer, position: position))
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
  }

  /// Takes one token; a damaged one becomes a problem and leaves its position without a token.
  private mutating func readToken(_ bytes: RawSpan, at offset: Int, chunkLength: Int, position: Int) {
    do throws(TraceError) {
      let chunk = try TokenChunk(bytes, at: offset)
      try chunk.extent.verify(bytes)
      guard chunk.position == position, chunk.extent.chunkLength == chunkLength else {
        throw .invalidField(
          .index, offset: offset, field: "entry", expected: "the token of position \(chunk.position)",
          found: "position \(position)")
      }
      add(chunk, bytes)
    } catch { problems.append(error) }
  }

  private mutating func add(_ chunk: TokenChunk, _ bytes: RawSpan) {
    if tokens[chunk.position] != nil {
      problems.append(.tokenRepeated(position: chunk.position, offset: chunk.extent.offset))
    } else {
      tokens[chunk.position] = chunk.token(bytes)
    }
  }

  private mutating func requireToken(for position: Int, offset: Int) {
    guard tokens[position] == nil, positionsWithoutToken.insert(position).inserted else { return }
    problems.append(.tokenMissing(position: position, offset: offset))
  }

  /// Takes what is complete from a file without a good index, chunk after chunk.
  ///
  /// Where no good chunk begins, the next multiple of 64 at which one does is looked for. What only looks like a chunk
  /// costs its whole length, so the bytes spent on such are limited: a file made to waste time ends the search for long
  /// chunks early, and damage does not come near the limit.
  ///
  /// - Complexity: O(n) in the length of the file.
  private mutating func walk(_ bytes: RawSpan, headerLength: Int) {
    entries = []
    tokens = [:]
    positionsWithoutToken = []
    problems.removeAll { if case .tokenMissing = $0 { true } else { false } }
    let problemsOfTheIndex = problems.count
    searchBudget = Self.searchEffort * bytes.byteCount
    var order = NameOrder()
    var offset = headerLength
    var damageStart: Int?
    var index: Range<Int>?
    func close(_ problems: inout [TraceError], at end: Int) {
      if let start = damageStart { problems.append(.unreadable(offset: start, byteCount: end - start)) }
      damageStart = nil
    }
    while offset < bytes.byteCount {
      guard let (kind, length) = readChunk(bytes, at: offset, &order) else {
        damageStart = damageStart ?? offset
        offset += ChunkLayout.alignment
        continue
      }
      close(&problems, at: offset)
      let end = offset + length
      if kind == .index { index = offset..<end }
      // Where the tail follows its index the trace is over, whatever comes behind it.
      if kind == .tail, let index, index.upperBound == offset,
        bytes.integer(at: offset + 8, as: UInt64.self) == UInt64(index.lowerBound)
      {
        // That the index was not found from the end is only what follows from this.
        problems.removeFirst(end < bytes.byteCount ? problemsOfTheIndex : 0)
        if end < bytes.byteCount { problems.append(.trailingBytes(offset: end, count: bytes.byteCount - end)) }
        break
      }
      offset = end
    }
    // A writer that died inside a chunk leaves a piece of it; that is being cut short, not another damage.
    let isCutShort = problems.contains { if case .cutShort = $0 { true } else { false } }
    if !isCutShort { close(&problems, at: bytes.byteCount) }
    names = order.names
  }

  /// Takes the chunk at an offset, if a good one begins there.
  ///
  /// - Returns: its kind and length; nil when there is no good chunk.
  private mutating func readChunk(
    _ bytes: RawSpan, at offset: Int, _ order: inout NameOrder
  ) -> (kind: ChunkKind, length: Int)? {
    guard bytes.byteCount - offset >= ChunkLayout.alignment else { return nil }
    do throws(TraceError) {
      switch bytes.byteArray(offset..<(offset + 4)) {
      case ChunkLayout.token:
        let chunk = try TokenChunk(bytes, at: offset)
        guard isGood(chunk.extent, bytes) else { return nil }
        add(chunk, bytes)
        return (.token, chunk.extent.chunkLength)
      case ChunkLayout.record:
        let chunk = try RecordChunk(bytes, at: offset)
        guard isGood(chunk.extent, bytes) else { return nil }
        let length = chunk.extent.chunkLength
        entries.append(
          Entry(
            offset: UInt64(offset), chunkLength: UInt64(length), name: order.number(of: chunk.key.name),
            layer: Int32(chunk.key.layer ?? -1), position: UInt32(chunk.key.position)))
        requireToken(for: chunk.key.position, offset: offset)
        return (.record, length)
      case ChunkLayout.index:
        let length = bytes.integer(at: offset + ChunkLayout.bodyLengthField, as: UInt64.self)
        let extent = try ChunkExtent(
          .index, in: bytes, at: offset, headLength: ChunkLayout.indexHead, bodyLength: length)
        return isGood(extent, bytes) ? (.index, extent.chunkLength) : nil
      case ChunkLayout.tail:
        let extent = try ChunkExtent(
          .tail, in: bytes, at: offset, headLength: ChunkLayout.tailLength, bodyLength: 0)
        return isGood(extent, bytes) ? (.tail, extent.chunkLength) : nil
      default:
        return nil
      }
    } catch { return nil }
  }

  /// Whether a chunk's checksum is right, as long as finding out is affordable.
  private mutating func isGood(_ extent: ChunkExtent, _ bytes: RawSpan) -> Bool {
    guard extent.chunkLength <= searchBudget else { return false }
    searchedByteCount += extent.chunkLength
    do throws(TraceError) {
      try extent.verify(bytes)
      return true
    } catch {
      searchBudget -= extent.chunkLength
      return false
    }
  }

  /// Puts the entries into the order of execution, and takes doubled records out.
  private mutating func sortEntries() {
    var rank = [UInt32](repeating: 0, count: names.count)
    let sorted = names.indices.sorted { names[$0] < names[$1] }
    for (place, number) in sorted.enumerated() { rank[number] = UInt32(place) }
    names = sorted.map { names[$0] }
    for index in entries.indices { entries[index].name = rank[Int(entries[index].name)] }
    let beforeLayers = names.map { $0.site?.scope == .before }
    func layerRank(_ entry: Entry) -> Int {
      entry.layer >= 0 ? Int(entry.layer) : beforeLayers[Int(entry.name)] ? -1 : Int.max
    }
    func precedes(_ left: Entry, _ right: Entry) -> Bool {
      if left.position != right.position { return left.position < right.position }
      let (first, second) = (layerRank(left), layerRank(right))
      if first != second { return first < second }
      return left.name != right.name ? left.name < right.name : left.offset < right.offset
    }
    let isSorted = zip(entries, entries.dropFirst()).allSatisfy { precedes($0, $1) }
    if !isSorted { entries.sort(by: precedes) }

    var kept = 0
    for index in entries.indices {
      if kept > 0, key(entries[kept - 1]) == key(entries[index]) {
        let (first, second) = (entries[kept - 1], entries[index])
        problems.append(.recordedTwice(key(first), offset: Int(second.offset), other: Int(first.offset)))
      } else {
        entries[kept] = entries[index]
        kept += 1
      }
    }
    entries.removeLast(entries.count - kept)
  }
}
