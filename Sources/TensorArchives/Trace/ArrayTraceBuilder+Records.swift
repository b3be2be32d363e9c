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
    dropCopies()
  }
}
