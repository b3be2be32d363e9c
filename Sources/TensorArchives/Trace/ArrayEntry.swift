/// Which record of which array stands at a place in the order of execution.
struct ArrayEntry {
  /// The position.
  let position: Int32
  /// The layer; -1 before the layers and `Int32.max` after them, so that entries sort as their keys do.
  let layerRank: Int32
  /// Number of the name in the order of execution.
  let name: Int32
  /// Number of the block.
  let block: Int32

  /// The layer; nil outside the layers.
  var layer: Int? { layerRank == -1 || layerRank == .max ? nil : Int(layerRank) }

  /// Whether the record comes before another in the order of execution.
  func precedes(_ other: ArrayEntry) -> Bool {
    if position != other.position { return position < other.position }
    if layerRank != other.layerRank { return layerRank < other.layerRank }
    if name != other.name { return name < other.name }
    return block < other.block
  }

  /// Whether both are about the same record.
  func isSameRecord(as other: ArrayEntry) -> Bool {
    position == other.position && layerRank == other.layerRank && name == other.name
  }
}

/// The records of one array.
struct ArrayBlock {
  /// How they lie in it.
  let plan: RecordPlan
  /// Number of the array.
  let array: Int32
  /// The first layer along the axis of layers.
  let firstLayer: Int32
  /// The first position along the axis of positions.
  let firstPosition: Int32
}
