import TraceFormat

/// Elements of an array in an order of their own: from a first one on, along axes of which the last runs fastest.
struct StridedView {
  /// The first element, counted in the array's memory.
  let start: Int
  /// The axes, joined where one goes on as the next one does; none of length 1.
  let axes: [StrideAxis]
  /// Number of elements.
  let count: Int

  /// A view.
  init(start: Int, axes: [StrideAxis]) {
    var joined: [StrideAxis] = []
    var count = 1
    for axis in axes {
      count *= axis.count
      guard axis.count != 1 else { continue }
      if let last = joined.last, last.stride == axis.stride * axis.count {
        joined[joined.count - 1] = StrideAxis(last.count * axis.count, axis.stride)
      } else {
        joined.append(axis)
      }
    }
    self.start = start
    self.axes = joined
    self.count = count
  }

  /// Whether the elements lie side by side.
  var isContiguous: Bool { count == 0 || axes.isEmpty || (axes.count == 1 && axes[0].stride == 1) }

  /// The elements, copied one after the other.
  ///
  /// - Parameters:
  ///   - bytes: the array's memory; elements outside it trap.
  ///   - type: an integer of an element's size.
  func gather<Word: FixedWidthInteger & BitwiseCopyable>(_ bytes: RawSpan, as type: Word.Type) -> [Word] {
    var elements: [Word] = []
    guard count > 0 else { return elements }
    elements.reserveCapacity(count)
    let size = MemoryLayout<Word>.size
    let inner = axes.last ?? StrideAxis(1, 1)
    let outer = axes.dropLast()
    var index = [Int](repeating: 0, count: outer.count)
    var offset = start
    while true {
      var place = offset * size
      for _ in 0..<inner.count {
        elements.append(bytes.integer(at: place, as: type))
        place += inner.stride * size
      }
      guard Self.advance(&index, &offset, outer) else { return elements }
    }
  }

  /// Goes to the next place along some axes; false after the last.
  private static func advance(_ index: inout [Int], _ offset: inout Int, _ axes: ArraySlice<StrideAxis>) -> Bool {
    for axis in axes.indices.reversed() {
      index[axis] += 1
      offset += axes[axis].stride
      if index[axis] < axes[axis].count { return true }
      offset -= axes[axis].stride * axes[axis].count
      index[axis] = 0
    }
    return false
  }
}
