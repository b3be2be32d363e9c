package import TraceComparison
import TraceFormat

/// How far a record lies from one of which only the sketch is known.
///
/// Each projection of the difference of the two records is the difference of their projections, and the mean square of
/// these, over the mean square of a weight, estimates the sum of squares of the difference. So, of n finite elements,
///
///     error = sqrt(mean of (p_i - q_i)^2 / (n * mean square of a weight))
///
/// estimates the root mean square of `actual - expected`. The record passes if its fingerprint is the same, or if
///
///     error <= atol + rtol * rms(expected) + resolution
///
/// where the resolution is what the steps of the stored projections may add to the estimate. NaN and infinities must
/// stand in the same places; bits of NaN do not matter. Where only equal bits pass, the fingerprint alone decides.
package struct SketchComparison: Sendable {
  /// The limits that were applied; a distance in ulp is not among them.
  package let limits: Limits
  /// Whether format, shape and bytes are the same.
  package let isIdentical: Bool
  /// Whether the formats differ and the sketch sees no difference in value. Where only equal bits pass there is none
  /// such.
  package let isEqualInOtherType: Bool
  /// Estimated root mean square of the error of the finite elements; 0 for identical records.
  package let error: Double
  /// What the steps of the sketch may add to the estimate.
  package let resolution: Double
  /// What the estimate may be: `atol + rtol * rms(expected) + resolution`.
  package let allowance: Double
  /// Root mean square of the expected record's finite elements, at most 0.8% above the exact one.
  package let expectedRMS: Double
  /// Root mean square of the actual record's finite elements.
  package let actualRMS: Double
  /// How many elements of each record are NaN or infinite.
  package let nonFinite: (expected: Int, actual: Int)
  /// Whether NaN or an infinity stands against something else.
  package let hasNonFiniteMismatch: Bool
  /// The error in units in the last place of the expected root mean square; nil where that is zero.
  package let ulps: Double?

  /// Compares a record with a sketch. Their shapes must be the same.
  ///
  /// - Parameter expectedType: the format of the record of which there is the sketch.
  init(_ expected: Sketch, _ expectedType: ElementType, _ actual: Measurement, _ limits: Limits) {
    self.limits = limits
    isIdentical = expected.fingerprint == actual.fingerprint && expectedType == actual.type
    let places = expected.nonFinite
    hasNonFiniteMismatch = !isIdentical && places != actual.nonFinite
    nonFinite = (places?.count ?? 0, actual.nonFinite?.count ?? 0)
    isEqualInOtherType = expectedType != actual.type && !limits.isExact && Sketch(actual).isEqualInValue(to: expected)
    expectedRMS = expected.scale.rms
    actualRMS = actual.rms
    error = isIdentical || isEqualInOtherType ? 0 : Self.error(expected, actual)
    resolution = Self.resolution(expected, elementCount: actual.elementCount)
    allowance =
      limits.isExact ? 0 : limits.allowance(expected: expectedRMS, rms: expectedRMS) + resolution
    ulps = expectedRMS > 0 ? error / expectedType.unitInLastPlace(of: expectedRMS) : nil
  }

  /// Whether the record is within tolerance.
  package var passes: Bool {
    if isIdentical { return true }
    if limits.isExact || hasNonFiniteMismatch { return false }
    return error.isFinite && error <= allowance
  }

  /// Error over allowance; up to 1 is within tolerance, infinite where no tolerance helps.
  package var ratio: Double {
    if isIdentical { return 0 }
    if limits.isExact || hasNonFiniteMismatch { return .infinity }
    return error == 0 ? 0 : error.isFinite && allowance > 0 ? error / allowance : .infinity
  }

  /// Error over the expected root mean square: the measure that rtol limits; nil where that is zero.
  package var scaledError: Double? { expectedRMS > 0 ? error / expectedRMS : nil }

  /// The estimate. With NaN or infinities in one record alone, of the projections that both have.
  private static func error(_ expected: Sketch, _ actual: Measurement) -> Double {
    let finiteCount = expected.finiteCount(of: actual.elementCount)
    // They differ only where NaN or an infinity stands against something else.
    let count = max(finiteCount, actual.finiteCount)
    guard count > 0 else { return 0 }
    let step = expected.scale.stepExponent(finiteCount: finiteCount, isCoarse: expected.isCoarse)
    // In units of the greater of both scales, so that nothing overflows on the way.
    let unit = max(step ?? Int.min, actual.projections.exponent)
    let projectionCount = min(expected.projectionCount, actual.nonFinite == nil ? SketchWeights.projectionCount : 3)
    var squares = 0.0
    for i in 0..<projectionCount {
      let stored = step.map { scaled(Double(expected.values[i]), by: $0 - unit) } ?? 0
      let own = scaled(actual.projections.values[i], by: actual.projections.exponent - unit)
      squares += (own - stored) * (own - stored)
    }
    let mean = squares / (Double(projectionCount) * SketchWeights.meanSquare * Double(count))
    return scaled(mean.squareRoot(), by: unit)
  }

  /// Half a step in every projection.
  private static func resolution(_ sketch: Sketch, elementCount: Int) -> Double {
    let count = sketch.finiteCount(of: elementCount)
    guard let step = sketch.scale.stepExponent(finiteCount: count, isCoarse: sketch.isCoarse) else { return 0 }
    return scaled(1 / (SketchWeights.meanSquare * Double(count)).squareRoot(), by: step - 1)
  }
}
