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
  /// Traps where an element lies outside the memory; that is checked once, before the pointers are used.
  ///
  /// - Parameters:
  ///   - bytes: the array's memory, which need not be aligned.
  ///   - type: an integer of an element's size.
  func gather<Word: FixedWidthInteger & BitwiseCopyable>(_ bytes: RawSpan, as type: Word.Type) -> [Word] {
    guard count > 0 else { return [] }
    let size = MemoryLayout<Word>.size
    precondition(start >= 0 && last < bytes.byteCount / size, "elements lie inside the array")
    return [Word](unsafeUninitializedCapacity: count) { target, initializedCount in
      bytes.withUnsafeBytes { source in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        var next = to
        forEachRun { offset, run in
          let place = from + offset * size
          if run.stride == 1 {
            UnsafeMutableRawPointer(next).copyMemory(from: place, byteCount: run.count * size)
          } else {
            let step = run.stride * size
            for index in 0..<run.count { next[index] = (place + index * step).loadUnaligned(as: type) }
          }
          next += run.count
        }
      }
      initializedCount = count
    }
  }

  /// The element that lies farthest in memory.
  private var last: Int { axes.reduce(start) { $0 + ($1.count - 1) * $1.stride } }

  /// Visits the runs of elements along the last axis: where each begins, and the axis.
  private func forEachRun(_ body: (Int, StrideAxis) -> Void) {
    let run = axes.last ?? StrideAxis(1, 1)
    let outer = axes.dropLast()
    var index = [Int](repeating: 0, count: outer.count)
    var offset = start
    repeat { body(offset, run) } while Self.advance(&index, &offset, outer)
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
