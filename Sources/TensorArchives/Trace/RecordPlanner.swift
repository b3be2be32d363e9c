import TraceFormat

/// Makes the plan of an array's records from what a statement says of its axes.
struct RecordPlanner {
  /// What the array is.
  let layout: ArrayLayout
  /// What the statement says.
  let reading: ArrayReading
  /// What the records are called.
  let name: TensorName
  /// Elements of a head; nil where the header does not tell it.
  let headSize: Int?

  init(_ layout: ArrayLayout, _ reading: ArrayReading, _ name: TensorName, headSize: Int?) {
    self.layout = layout
    self.reading = reading
    self.name = name
    self.headSize = headSize
  }

  /// The plan of an array that is one record as it is.
  static func whole(_ layout: ArrayLayout, _ type: ElementType) throws(ArchiveRule) -> RecordPlan {
    try requireShape(layout.shape)
    let axes = zip(layout.shape, layout.strides).map { StrideAxis($0, $1) }
    return RecordPlan(elementType: type, axes: axes, dimensions: layout.shape)
  }

  /// The plan.
  ///
  /// - Throws: what does not fit.
  func plan() throws(ArchiveRule) -> RecordPlan {
    let type = try Self.elementType(layout.type, isBFloat16: reading.isBFloat16)
    guard let axes = reading.axes ?? usualAxes else {
      guard reading.rotation == nil else { throw Self.missingAxes("rope=halves") }
      return try Self.whole(layout, type)
    }
    let stored = try StoredAxes(layout, axes, batch: reading.batch)
    let (layers, positions) = (stored[.layer], stored[.position])
    if layout.elementCount == 0, layers != nil || positions != nil {
      throw .invalid("shape", expected: "at least one element", found: "\(layout)")
    }
    var (own, dimensions) = try vector(stored)
    var key: (axis: Int, dimension: Int)?
    if let axis = stored[.key] {
      // One head alone is a row of a matrix, as many are.
      if dimensions.isEmpty, name.site?.shape == .headsByPositions { dimensions = [1] }
      key = (own.count, dimensions.count)
      own.append(axis)
      dimensions.append(axis.count)
    }
    try Self.requireShape(dimensions)
    return RecordPlan(
      elementType: type, base: stored.base, layers: layers, positions: positions, axes: own, dimensions: dimensions,
      key: key)
  }

  /// What the axes are where nobody says it; nil for a name outside the table, whose arrays stay as they are.
  private var usualAxes: [ArrayAxis]? {
    guard let site = name.site else { return nil }
    return site.shape == .headsByPositions ? [.head, .key] : [.feature]
  }

  /// Format of the records of an array.
  static func elementType(_ type: ArrayType, isBFloat16: Bool) throws(ArchiveRule) -> ElementType {
    if isBFloat16 {
      guard type.mayBeBFloat16 else {
        throw .invalid("dtype=bfloat16", expected: "elements of two bytes", found: type.rawValue)
      }
      return .bfloat16
    }
    if let elementType = type.elementType { return elementType }
    throw .unsupportedType(
      type == .bytes2 ? "V2" : type.rawValue,
      remedy: type.mayBeBFloat16
        ? "where it is bfloat16, say dtype=bfloat16 in the mapping"
        : "save array.astype(numpy.float32), or exclude it by an ignore statement")
  }

  /// The axes of the vector, heads and their elements joined, and its length; neither for what is no vector.
  private func vector(_ stored: StoredAxes) throws(ArchiveRule) -> (axes: [StrideAxis], dimensions: [Int]) {
    let parts = [stored[.head], stored[.element] ?? stored[.feature]].compactMap { $0 }
    let length = parts.reduce(1) { $0 * $1.count }
    guard case .halves(let size)? = reading.rotation else { return (parts, parts.isEmpty ? [] : [length]) }
    guard let last = parts.last, stored[.element] != nil || stored[.feature] != nil else {
      throw Self.missingAxes("rope=halves")
    }
    return (Array(parts.dropLast()) + (try halves(last, size, isSplit: stored[.element] != nil)), [length])
  }

  /// The axes that put a vector's halved heads into the order of llama2.c: head, pair, part of the pair.
  private func halves(
    _ axis: StrideAxis, _ size: Int?, isSplit: Bool
  ) throws(ArchiveRule) -> [StrideAxis] {
    guard let headSize = size ?? (isSplit ? axis.count : headSize) else {
      throw .invalid(
        "rope=halves", expected: "the size of a head: rope=halves:SIZE, or set dim and n_heads", found: "none")
    }
    guard headSize > 0, headSize % 2 == 0,
      isSplit ? axis.count == headSize : axis.count % headSize == 0 && headSize <= axis.count
    else {
      throw .invalid(
        "rope=halves",
        expected: isSplit ? "heads of \(headSize) elements, an even number" : "whole heads of \(headSize)",
        found: "\(axis.count) elements")
    }
    let half = headSize / 2
    return [
      StrideAxis(axis.count / headSize, axis.stride * headSize), StrideAxis(half, axis.stride),
      StrideAxis(2, axis.stride * half),
    ]
  }

  private static func missingAxes(_ what: String) -> ArchiveRule {
    .invalid(what, expected: "feature, or head and element, among the axes", found: "neither")
  }

  private static func requireShape(_ dimensions: [Int]) throws(ArchiveRule) {
    guard TensorShape(dimensions) == nil else { return }
    throw .invalid(
      "shape of a record", expected: "at most \(TensorShape.maximumRank) dimensions below 2^32; say axes=",
      found: dimensions.map(String.init).joined(separator: " x "))
  }
}
