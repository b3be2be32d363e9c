/// Values and bounds of several vectors of one length, in memory that is used again for the next ones.
struct EstimateRows: Sendable {
  /// Number of vectors.
  private(set) var count = 0
  /// Elements of each.
  private(set) var columns = 0
  private(set) var values = AlignedDoubles(count: 0)
  private(set) var errors = AlignedDoubles(count: 0)

  /// Distance of two vectors: an odd number of cache lines, because caches hold few lines whose addresses differ by a
  /// power of two.
  var stride: Int { ((columns + 7) / 8 | 1) * 8 }

  /// Makes room for vectors, which hold nothing in particular.
  mutating func reshape(count: Int, columns: Int) {
    (self.count, self.columns) = (count, columns)
    guard count * stride > values.count else { return }
    // The old memory is given back before the new is taken.
    values = AlignedDoubles(count: 0)
    errors = AlignedDoubles(count: 0)
    values = AlignedDoubles(count: count * stride)
    errors = AlignedDoubles(count: count * stride)
  }

  /// The values of one vector.
  @_lifetime(borrow self)
  func values(_ row: Int) -> Span<Double> {
    _overrideLifetime(values.span((row * stride)..<(row * stride + columns)), borrowing: self)
  }

  /// The bounds of one vector.
  @_lifetime(borrow self)
  func errors(_ row: Int) -> Span<Double> {
    _overrideLifetime(errors.span((row * stride)..<(row * stride + columns)), borrowing: self)
  }

  /// A copy of one vector.
  func estimate(_ row: Int) -> Estimate { Estimate(copying: values(row), errors(row)) }
}
