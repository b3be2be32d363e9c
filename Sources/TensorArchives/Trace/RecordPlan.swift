import TraceFormat

/// How records lie in an array: one plan for all arrays of one layout that are read in one way.
final class RecordPlan: Sendable {
  /// Format of the records.
  let elementType: ElementType
  /// The first element of the first record.
  let base: Int
  /// The axis of layers, where the array has one.
  let layers: StrideAxis?
  /// The axis of positions, where the array has one.
  let positions: StrideAxis?
  /// The axes of one record's elements, row-major.
  let axes: [StrideAxis]
  /// The dimensions of a record.
  let dimensions: [Int]
  /// Which axis and which dimension count the position's keys.
  let key: (axis: Int, dimension: Int)?

  init(
    elementType: ElementType, base: Int = 0, layers: StrideAxis? = nil, positions: StrideAxis? = nil,
    axes: [StrideAxis], dimensions: [Int], key: (axis: Int, dimension: Int)? = nil
  ) {
    self.elementType = elementType
    self.base = base
    self.layers = layers
    self.positions = positions
    self.axes = axes
    self.dimensions = dimensions
    self.key = key
  }

  /// The shape at a position.
  ///
  /// Traps where it is none; whoever made the plan has seen to it.
  func shape(position: Int) -> TensorShape {
    var dimensions = dimensions
    if let key { dimensions[key.dimension] = position + 1 }
    guard let shape = TensorShape(dimensions) else { preconditionFailure("a plan's shape is one of a record") }
    return shape
  }

  /// The elements of a record.
  ///
  /// - Parameters:
  ///   - layer: its number along the axis of layers, 0 where there is none.
  ///   - place: its number along the axis of positions.
  func view(layer: Int, place: Int, position: Int) -> StridedView {
    var axes = axes
    if let key { axes[key.axis].count = position + 1 }
    let start = base + layer * (layers?.stride ?? 0) + place * (positions?.stride ?? 0)
    return StridedView(start: start, axes: axes)
  }
}
