import PlatformLibc

/// Memory that a trace's chunks are put together in, given back with the value that owns it. Pages that nobody has
/// written cost nothing.
@safe
package struct PageMemory: ~Copyable, @unchecked Sendable {
  /// Number of bytes.
  package let byteCount: Int
  private let base: UnsafeMutableRawPointer?

  /// Memory of zeros; nil when the system has none.
  package init?(byteCount: Int) {
    guard byteCount > 0 else {
      self.byteCount = 0
      base = nil
      return
    }
    let access = PROT_READ | PROT_WRITE
    guard let address = mmap(nil, byteCount, access, MAP_PRIVATE | MAP_ANON, -1, 0), address != MAP_FAILED else {
      return nil
    }
    #if os(Linux)
      // Touching small pages for the first time costs more than filling them. Where there are no huge ones, all is the
      // same.
      madvise(address, byteCount, MADV_HUGEPAGE)
    #endif
    self.byteCount = byteCount
    base = address
  }

  /// No memory.
  package init() {
    byteCount = 0
    base = nil
  }

  /// All bytes, to read.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get { _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: byteCount), borrowing: self) }
  }

  /// All bytes, to write.
  package var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get { _overrideLifetime(MutableRawSpan(_unsafeStart: start, byteCount: byteCount), mutating: &self) }
  }

  /// Copies bytes to the beginning; traps where there is no room for them.
  mutating func copy(_ source: RawSpan) {
    precondition(source.byteCount <= byteCount)
    source.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: start, count: byteCount).copyMemory(from: $0) }
  }

  /// Moves a range of the bytes to the beginning; traps outside the memory.
  mutating func moveToFront(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount)
    memmove(start, start + range.lowerBound, range.count)
  }

  /// The first byte; some address, never used, where there is none.
  private var start: UnsafeMutableRawPointer { base ?? UnsafeMutableRawPointer(bitPattern: 64).unsafelyUnwrapped }

  deinit {
    if let base { munmap(base, byteCount) }
  }
}
