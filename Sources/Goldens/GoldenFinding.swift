package import TraceFormat

/// One record that differs from its sketch.
package struct GoldenFinding: Sendable {
  /// Which record.
  package let key: RecordKey
  /// Its shape.
  package let shape: TensorShape
  /// Format of the golden's record.
  package let expectedType: ElementType
  /// Format of the actual record.
  package let actualType: ElementType
  /// The estimate.
  package let comparison: SketchComparison
  /// The fingerprints of both.
  package let fingerprints: (expected: UInt64, actual: UInt64)
  /// The input token of its position, where it is known.
  package let token: TraceToken?

  /// Whether it is farther from its sketch than another record: NaN or infinity against something else before all
  /// others, then the greater ratio, and where no ratio counts, the greater error.
  func isWorse(than other: GoldenFinding?) -> Bool {
    guard let other = other?.comparison else { return true }
    if comparison.hasNonFiniteMismatch != other.hasNonFiniteMismatch { return comparison.hasNonFiniteMismatch }
    if comparison.ratio != other.ratio { return comparison.ratio > other.ratio }
    return comparison.ratio == .infinity && (comparison.scaledError ?? 0) > (other.scaledError ?? 0)
  }
}
