/// What an operation's exact result is, and how far an honest float32 result may lie from it, element by element.
///
/// A recorded tensor is an estimate without errors. A tensor that was not recorded is computed from the nearest
/// recorded ones, and its error grows with every operation on the way (running error analysis; Higham, section 3.3).
package struct Estimate: Sendable {
  /// The values, in float64.
  package var values: [Double]
  /// A bound of the distance of any honest value from each; empty where the values are exact.
  package var errors: [Double]

  /// Values and bounds.
  package init(_ values: [Double], errors: [Double] = []) {
    self.values = values
    self.errors = errors
  }

  /// Zeros, with room for bounds.
  init(zeros count: Int) {
    self.init([Double](repeating: 0, count: count), errors: [Double](repeating: 0, count: count))
  }

  /// Number of elements.
  package var count: Int { values.count }

  /// Whether the values are known without error.
  package var isExact: Bool { errors.isEmpty }

  /// The bound of one element.
  @inline(__always)
  func error(_ index: Int) -> Double { errors.isEmpty ? 0 : errors[index] }

  /// Whether no element has a bound: honest results may be anything.
  var isUnbounded: Bool { Self.isUnbounded(errors.span) }

  /// Whether the bounds are so wide that a result twice as large, or none at all, would pass: such an estimate proves
  /// nothing.
  var isTooWide: Bool { Self.isTooWide(values.span, errors.span) }

  /// Some of the elements.
  func slice(_ range: Range<Int>) -> Estimate {
    Estimate(Array(values[range]), errors: errors.isEmpty ? [] : Array(errors[range]))
  }

  /// A copy of lent values and bounds.
  init(copying values: Span<Double>, _ errors: Span<Double>) {
    func copy(_ span: Span<Double>) -> [Double] {
      [Double](unsafeUninitializedCapacity: span.count) { buffer, count in
        for index in span.indices { buffer[index] = span[index] }
        count = span.count
      }
    }
    self.init(copy(values), errors: copy(errors))
  }

  /// `isUnbounded` of lent bounds.
  static func isUnbounded(_ errors: Span<Double>) -> Bool {
    !errors.isEmpty && errors.indices.allSatisfy { errors[$0] == .infinity }
  }

  /// `isTooWide` of lent values and bounds.
  static func isTooWide(_ values: Span<Double>, _ errors: Span<Double>) -> Bool {
    guard !errors.isEmpty else { return false }
    var (error, size) = (0.0, 0.0)
    for index in values.indices {
      error += errors[index] * errors[index]
      size += values[index] * values[index]
    }
    // Bounds of underflow alone are narrow whatever they bound, zeros included.
    let narrow = 1e-60 * Double(values.count)
    return !(error.isFinite && error <= max(size / 4, narrow))
  }
}
