import TraceFormat

/// The next record of a file that takes part in a comparison.
struct FileCursor {
  /// By number of a name in the file: its number among both files' names.
  private let numbers: [Int]
  /// Whether every record takes part, so that none is looked at twice.
  private let takesAll: Bool
  private(set) var place = -1
  /// Bytes of the record's chunk.
  private(set) var byteCount = 0
  /// Where the record stands in the order of execution, to be compared in this order: position, layer, name.
  private(set) var order = (position: 0, layer: 0, name: 0)
  private(set) var isAtEnd = false
  /// The record's layer; -1 outside the layers.
  var layer: Int { order.layer == Int.max ? -1 : order.layer }
  /// The layers of all records, those that take no part included; nil where none has one.
  private(set) var layers: ClosedRange<Int>?

  /// A cursor before the first record.
  ///
  /// - Parameter takesAll: whether all records were asked for and none lies behind the last position.
  init(_ numbers: [Int], takesAll: Bool) {
    self.numbers = numbers
    self.takesAll = takesAll
  }

  /// Goes on to the next record that was asked for and lies before a position.
  ///
  /// - Parameter cases: gets the records that are passed over.
  mutating func advance(
    _ file: borrowing TraceFile, before end: Int, _ names: PairedNames, _ filter: RecordFilter,
    _ cases: inout CaseTable
  ) {
    let count = file.recordCount
    while place + 1 < count {
      place += 1
      let entry = file.entry(at: place)
      let layer = Int(entry.layer)
      if layer >= 0, !(layers?.contains(layer) ?? false) { layers = layers?.extended(to: layer) ?? layer...layer }
      let name = numbers[Int(entry.name)]
      byteCount = entry.chunkLength
      order = (Int(entry.position), file.layerRank(entry), name)
      if takesAll { return }
      if order.position < end, names.areWanted[name], filter.wants(layer: layer < 0 ? nil : layer),
        filter.positions?.contains(order.position) ?? true
      {
        return
      }
      cases.takeLeftOut(name: name, layer: layer)
    }
    isAtEnd = true
  }
}
