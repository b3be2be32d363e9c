/// Memory that kernels fill and read again within one operation, aligned as their widest vectors are: a vector that
/// straddles two lines of the cache costs two loads.
struct KernelMemory<Element: BitwiseCopyable>: ~Copyable {
  /// Number of elements.
  let count: Int
  /// The first element; they are zero at first.
  let base: UnsafeMutablePointer<Element>

  /// Memory for `count` elements.
  init(count: Int, zero: Element) {
    self.count = count
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, count) * MemoryLayout<Element>.stride, alignment: 64)
    base = bytes.bindMemory(to: Element.self, capacity: max(1, count))
    base.initialize(repeating: zero, count: count)
  }

  deinit { base.deallocate() }
}
