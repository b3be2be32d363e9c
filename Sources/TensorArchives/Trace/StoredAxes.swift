/// The axes of an array by what they count.
struct StoredAxes {
  /// The first element: that of the sequence which was taken from a batch.
  private(set) var base = 0
  private var found: [ArrayAxis: StrideAxis] = [:]

  /// Looks at every axis of an array.
  ///
  /// - Throws: what does not fit.
  init(_ layout: ArrayLayout, _ axes: [ArrayAxis], batch: Int?) throws(ArchiveRule) {
    guard axes.count == layout.shape.count else {
      throw .invalid(
        "axes", expected: "one for each of the \(layout.shape.count) of \(layout)",
        found: axes.isEmpty ? "none" : axes.map(\.rawValue).joined(separator: ","))
    }
    for (number, axis) in axes.enumerated() {
      let stored = StrideAxis(layout.shape[number], layout.strides[number])
      switch axis {
      case .one:
        guard stored.count == 1 else { throw .invalid("axis 'one'", expected: "length 1", found: "\(stored.count)") }
      case .batch: base += try Self.sequence(batch, of: stored)
      default: found[axis] = stored
      }
    }
  }

  /// An axis; nil where the array has none of its kind.
  subscript(axis: ArrayAxis) -> StrideAxis? { found[axis] }

  /// How far into the array a sequence of the batch begins.
  private static func sequence(_ batch: Int?, of axis: StrideAxis) throws(ArchiveRule) -> Int {
    guard let number = batch ?? (axis.count == 1 ? 0 : nil) else {
      throw .invalid("batch axis", expected: "batch=N, since it has several sequences", found: "\(axis.count) of them")
    }
    guard number < axis.count else {
      throw .invalid("batch", expected: "a number below \(axis.count)", found: "\(number)")
    }
    return number * axis.stride
  }
}
