/// Values and bounds of several vectors of one length, in memory that is used again for the next ones.
struct EstimateRows: Sendable {
  /// Number of vectors.
  private(set) var count = 0
  /// Elements of each.
  private(set) var columns = 0
  private var values: [Double] = []
  private var errors: [Double] = []

  /// Makes room for vectors; what they hold is left over from earlier ones.
  mutating func reshape(count: Int, columns: Int) {
    (self.count, self.columns) = (count, columns)
    let missing = count * columns - values.count
    guard missing > 0 else { return }
    values = [Double](repeating: 0, count: count * columns)
    errors = values
  }

  /// The values of one vector.
  @_lifetime(borrow self)
  func values(_ row: Int) -> Span<Double> { values.span.extracting((row * columns)..<((row + 1) * columns)) }

  /// The bounds of one vector.
  @_lifetime(borrow self)
  func errors(_ row: Int) -> Span<Double> { errors.span.extracting((row * columns)..<((row + 1) * columns)) }

  /// A copy of one vector.
  func estimate(_ row: Int) -> Estimate {
    let range = (row * columns)..<((row + 1) * columns)
    return Estimate(Array(values[range]), errors: Array(errors[range]))
  }

  /// Lends all values and bounds to a kernel.
  mutating func withUnsafeElements(
    _ body: (_ values: UnsafeMutablePointer<Double>, _ errors: UnsafeMutablePointer<Double>) -> Void
  ) {
    values.withUnsafeMutableBufferPointer { values in
      errors.withUnsafeMutableBufferPointer { errors in
        if let first = values.baseAddress, let second = errors.baseAddress { body(first, second) }
      }
    }
  }
}
