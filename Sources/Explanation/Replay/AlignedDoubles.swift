/// Float64 numbers for the kernels to read and write, at the begin of a cache line. It owns the memory; what the memory
/// holds at first means nothing.
///
/// Kernel: threads write to elements of their own, which the language cannot check. Spans of it are bounds-checked.
@safe
final class AlignedDoubles: @unchecked Sendable {
  /// The first element.
  let start: UnsafeMutablePointer<Double>
  /// Number of elements.
  let count: Int

  init(count: Int) {
    self.count = count
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 8 * max(count, 1), alignment: 64)
    start = memory.bindMemory(to: Double.self, capacity: count)
  }

  /// Makes all elements zeros.
  func clear() { start.update(repeating: 0, count: count) }

  /// Some of the elements. Traps outside the memory.
  @_lifetime(borrow self)
  borrowing func span(_ range: Range<Int>) -> Span<Double> {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    let span = Span<Double>(_unsafeStart: start + range.lowerBound, count: range.count)
    return _overrideLifetime(span, borrowing: self)
  }

  deinit { UnsafeMutableRawPointer(start).deallocate() }
}
