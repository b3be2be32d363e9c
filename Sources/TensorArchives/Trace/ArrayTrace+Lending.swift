import TraceFormat

extension ArrayTrace {
  /// Finds a record.
  ///
  /// - Complexity: O(log n).
  func entry(of key: RecordKey) -> ArrayEntry? {
    guard let name = numbers[key.name], let position = Int32(exactly: key.position),
      let rank = Self.layerRank(key.layer, key.name)
    else { return nil }
    let wanted = ArrayEntry(position: position, layerRank: rank, name: name, block: -1)
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].precedes(wanted) { low = middle + 1 } else { high = middle }
    }
    return low < entries.count && entries[low].isSameRecord(as: wanted) ? entries[low] : nil
  }

  /// Where a layer stands in the order of execution; nil where no record has it.
  static func layerRank(_ layer: Int?, _ name: TensorName) -> Int32? {
    guard let layer else { return name.site?.scope == .before ? -1 : .max }
    return (0..<Int(Int32.max)).contains(layer) ? Int32(layer) : nil
  }

}

extension TensorArchive {
  /// Lends a record that was found.
  func lend<Result>(
    _ key: RecordKey, _ entry: ArrayEntry, _ block: ArrayBlock, _ body: (RecordView) -> Result
  ) -> Result {
    let array = arrays[Int(block.array)]
    let plan = block.plan
    let view = plan.view(
      layer: plan.layers == nil ? 0 : Int(entry.layerRank - block.firstLayer),
      place: Int(entry.position - block.firstPosition), position: key.position)
    let shape = plan.shape(position: key.position)
    let (type, size) = (plan.elementType, plan.elementType.size)
    func record(_ payload: RawSpan) -> Result {
      body(RecordView(key: key, elementType: type, shape: shape, payload: payload))
    }
    return files[array.file].withBytes { file in
      let bytes = file.extracting(array.elements)
      // Mapped memory begins at a page, so that the offset in the file tells whether an element is aligned.
      if view.isContiguous, array.elements.lowerBound % size == 0 {
        let start = view.count == 0 ? 0 : view.start * size
        return record(bytes.extracting(start..<(start + view.count * size)))
      }
      switch size {
      case 8: return record(view.gather(bytes, as: UInt64.self).span.bytes)
      case 4: return record(view.gather(bytes, as: UInt32.self).span.bytes)
      case 2: return record(view.gather(bytes, as: UInt16.self).span.bytes)
      default: return record(view.gather(bytes, as: UInt8.self).span.bytes)
      }
    }
  }
}
