import TraceFormat
import VectorKernels

/// How a recorded tensor compares with the replay of its operation.
package struct Judgement: Sendable {
  /// Greatest ratio of error to bound; up to 1 is rounding.
  package var ratio = 0.0
  /// The element with the greatest ratio; of equal ones the first.
  package var index = 0
  /// Number of elements above their bound.
  package var faulty = 0
  /// Number of elements that have no bound, because what they are computed from leaves float32 or is not a number:
  /// whatever was recorded passes, so they count as unchecked.
  package var unbounded = 0
  /// Number of elements.
  package let count: Int
  /// The replayed value of that element.
  package var expected = 0.0
  /// The recorded value of that element.
  package var actual = 0.0
  /// The bound of that element.
  package var bound = 0.0

  /// Whether rounding explains every element.
  package var isRounding: Bool { faulty == 0 }

  /// Compares a record with what it should be. Shapes: as many values and bounds as the record has elements, or no
  /// bounds where values are exact.
  init(
    _ record: RecordView, values: Span<Double>, errors: Span<Double>, unit: VectorUnit = .widest
  ) {
    self.init(count: record.elementCount)
    take(record, from: 0, values: values, errors: errors, unit: unit)
  }

  /// A judgement of a record of which nothing has been taken yet.
  init(count: Int) { self.count = count }

  /// Takes consecutive elements of a record, after those before them.
  mutating func take(
    _ record: RecordView, from start: Int, values: Span<Double>, errors: Span<Double>,
    unit: VectorUnit = .widest
  ) {
    var i = 0
    while i < values.count {
      if record.elementType == .float32, !errors.isEmpty {
        i += elementsWithoutNews(record.payload, values, errors, start, from: i, unit)
      }
      for place in i..<min(i + 8, values.count) {
        take(
          start + place, record.element(start + place), values[place], errors.isEmpty ? 0 : errors[place],
          record.elementType)
      }
      i = min(i + 8, values.count)
    }
  }

  private mutating func take(_ place: Int, _ actual: Double, _ value: Double, _ error: Double, _ type: ElementType) {
    let element = Element(actual, value, error, type)
    if !element.passes { faulty += 1 }
    if element.isUnbounded { unbounded += 1 }
    if element.ratio > ratio || place == 0 {
      ratio = element.ratio
      index = place
      (expected, self.actual, bound) = (value, actual, element.bound)
    }
  }

  /// Number of float32 elements from a place of those that begin at `first` on that are finite, within their bounds,
  /// and not at a greater ratio than the greatest so far: there is nothing to note of them.
  ///
  /// It does without divisions: where the error is at most the bound times a little less than the greatest ratio, the
  /// quotient rounds to no more than that ratio. Ratios near the end of float64's range count as 0.
  private func elementsWithoutNews(
    _ payload: RawSpan, _ values: Span<Double>, _ errors: Span<Double>, _ first: Int, from start: Int,
    _ unit: VectorUnit
  ) -> Int {
    // The first element is the worst so far, whatever its ratio.
    guard first + start > 0 else { return 0 }
    precondition(errors.count == values.count && first >= 0 && payload.byteCount >= 4 * (first + values.count))
    let factor = ratio < 0x1p-800 ? 0 : min(ratio, 1) * (1 - 0x1p-50)
    return payload.withUnsafeBytes { actual in
      values.withUnsafeBufferPointer { values in
        errors.withUnsafeBufferPointer { errors in
          guard let actual = actual.baseAddress, let value = values.baseAddress, let error = errors.baseAddress else {
            return 0
          }
          return bound_checks_prefix(
            unit, actual + 4 * (first + start), value + start, error + start, values.count - start, factor)
        }
      }
    }
  }

  /// The verdict of one element.
  struct Element {
    let passes: Bool
    let ratio: Double
    let bound: Double
    /// Whether it passes because anything would.
    let isUnbounded: Bool

    /// Judges an element; acceptance is written positively, so that NaN cannot pass for a number. Where the bound is
    /// infinite, anything passes: honest results differ without limit.
    ///
    /// - Parameters:
    ///   - value: the replayed value.
    ///   - error: its bound, storage apart.
    @inline(__always)
    init(_ actual: Double, _ value: Double, _ error: Double, _ type: ElementType) {
      if value.isFinite && error == .infinity {
        (passes, ratio, bound, isUnbounded) = (true, 0, error, true)
        return
      }
      guard actual.isFinite, value.isFinite else {
        (passes, bound) = (Self.nonFinitePasses(actual, value, error, type), error)
        ratio = passes ? 0 : .infinity
        isUnbounded = passes && value.isNaN
        return
      }
      bound = error + Rounding.storage(abs(value) + error, type)
      let distance = abs(actual - value)
      passes = distance <= bound
      isUnbounded = false
      ratio = distance == 0 ? 0 : distance / bound
    }

    /// A value that is not finite is right where the replay's is of the same kind, where its result depends on the
    /// order of infinite terms, or where the result leaves the format's range.
    private static func nonFinitePasses(
      _ actual: Double, _ value: Double, _ error: Double, _ type: ElementType
    ) -> Bool {
      if value.isNaN { return !actual.isFinite }
      if !value.isFinite { return actual == value || actual.isNaN }
      guard !actual.isNaN else { return false }
      return abs(value) + error >= Rounding.greatest(type) && (actual > 0) == (value > 0)
    }
  }
}

extension Estimate {
  /// Whether a recorded tensor lies within the bounds.
  func admits(_ tensor: RecordedTensor) -> Bool {
    guard count == tensor.values.count else { return false }
    for i in 0..<count {
      let element = Judgement.Element(tensor.values[i], values[i], error(i), tensor.type)
      if !element.passes { return false }
    }
    return true
  }
}
