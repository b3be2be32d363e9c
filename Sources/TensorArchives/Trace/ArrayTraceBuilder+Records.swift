import TraceFormat

extension ArrayTraceBuilder {
  /// Numbers the names in the order of execution.
  mutating func numberNames() {
    names = Set(blockNames).sorted()
    for (number, name) in names.enumerated() { numbers[name] = Int32(number) }
  }

  mutating func listRecords() {
    var count = 0
    for block in blocks { count += (block.plan.layers?.count ?? 1) * (block.plan.positions?.count ?? 1) }
    entries.reserveCapacity(count)
    for (number, block) in blocks.enumerated() {
      guard let name = numbers[blockNames[number]] else { continue }
      let outside = ArrayTrace.layerRank(nil, blockNames[number]) ?? .max
      for layer in 0..<Int32(block.plan.layers?.count ?? 1) {
        for place in 0..<Int32(block.plan.positions?.count ?? 1) {
          entries.append(
            ArrayEntry(
              position: block.firstPosition + place,
              layerRank: isOutsideLayers[number] ? outside : block.firstLayer + layer, name: name,
              block: Int32(number)))
        }
      }
    }
    entries.sort { $0.precedes($1) }
    dropDoubles()
  }

  /// Keeps the first of equal records, and says of every pair of arrays what both hold.
  private mutating func dropDoubles() {
    var doubles: [[Int32]: (key: RecordKey, count: Int)] = [:]
    var order: [[Int32]] = []
    var kept = 0
    for index in entries.indices {
      let entry = entries[index]
      if kept > 0, entries[kept - 1].isSameRecord(as: entry) {
        let pair = [entries[kept - 1].block, entry.block]
        if doubles[pair] == nil { order.append(pair) }
        let key = RecordKey(names[Int(entry.name)], layer: entry.layer, position: Int(entry.position))
        doubles[pair] = (doubles[pair]?.key ?? key, (doubles[pair]?.count ?? 0) + 1)
      } else {
        entries[kept] = entry
        kept += 1
      }
    }
    entries.removeLast(entries.count - kept)
    for pair in order {
      guard let (key, count) = doubles[pair] else { continue }
      let arrays = pair.map { archive.arrays[Int(blocks[Int($0)].array)] }
      problems.append(archive.error(arrays[1], .recordedTwice(key, count: count, other: arrays[0].name)))
    }
  }
}
