/// One record in 228 bits: an exact fingerprint, the root mean square, and six projections from which the error of
/// another record can be estimated.
package struct Sketch: Equatable, Sendable {
  /// The checksum of format, shape and payload.
  let fingerprint: UInt64
  /// The root mean square of the finite elements, and the scale of the projections.
  let scale: SketchScale
  /// Whether the record holds NaN or infinities.
  let isNonFinite: Bool
  /// Whether projections are stored in coarse steps.
  let isCoarse: Bool
  /// Six signed numbers of 24 bits in the first lanes: projections in steps. With NaN or infinities three projections,
  /// then the two halves of the hash of their places and their number.
  let values: SIMD8<Int32>

  /// How many of the values are projections.
  var projectionCount: Int { isNonFinite ? Self.finiteProjectionCount : SketchWeights.projectionCount }

  private static let finiteProjectionCount = 3
  private static let greatestValue = 0x1p23 - 1

  /// A sketch that was read.
  init(fingerprint: UInt64, scale: SketchScale, isNonFinite: Bool, isCoarse: Bool, values: SIMD8<Int32>) {
    self.fingerprint = fingerprint
    self.scale = scale
    self.isNonFinite = isNonFinite
    self.isCoarse = isCoarse
    self.values = values
  }

  /// The sketch of a record.
  init(_ record: Measurement) {
    fingerprint = record.fingerprint
    scale = SketchScale(roundingUp: record.rms)
    isNonFinite = record.nonFinite != nil
    let count = isNonFinite ? Self.finiteProjectionCount : SketchWeights.projectionCount
    let fine = Self.steps(record, scale, isCoarse: false)
    let isExceeded = (0..<count).contains { abs(fine[$0]) > Self.greatestValue }
    isCoarse = isExceeded
    let steps = isExceeded ? Self.steps(record, scale, isCoarse: true) : fine
    var values = SIMD8<Int32>(repeating: 0)
    for i in 0..<count { values[i] = Int32(max(-Self.greatestValue, min(Self.greatestValue, steps[i]))) }
    if let places = record.nonFinite {
      values[3] = Self.signed(UInt32(truncatingIfNeeded: places.hash >> 24))
      values[4] = Self.signed(UInt32(truncatingIfNeeded: places.hash))
      values[5] = Self.signed(UInt32(places.count))
    }
    self.values = values
  }

  /// Whether all but the fingerprint is the same: no difference in value is seen.
  func isEqualInValue(to other: Sketch) -> Bool {
    scale == other.scale && isNonFinite == other.isNonFinite && isCoarse == other.isCoarse && values == other.values
  }

  /// Where NaN and infinities stand; nil where there are none.
  var nonFinite: NonFinitePlaces? {
    guard isNonFinite else { return nil }
    let (high, low) = (UInt64(Self.unsigned(values[3])), UInt64(Self.unsigned(values[4])))
    return NonFinitePlaces(count: Int(Self.unsigned(values[5])), hash: high << 24 | low)
  }

  /// How many elements of a record of so many are finite.
  func finiteCount(of elementCount: Int) -> Int { max(0, elementCount - (nonFinite?.count ?? 0)) }

  /// The projections in steps, rounded to the nearest.
  private static func steps(_ record: Measurement, _ scale: SketchScale, isCoarse: Bool) -> SIMD8<Double> {
    guard let step = scale.stepExponent(finiteCount: record.finiteCount, isCoarse: isCoarse) else {
      return SIMD8(repeating: 0)
    }
    var steps = SIMD8<Double>(repeating: 0)
    for i in 0..<SketchWeights.projectionCount {
      steps[i] = scaled(record.projections.values[i], by: record.projections.exponent - step).rounded()
    }
    return steps
  }

  /// 24 bits as a signed number.
  static func signed(_ bits: UInt32) -> Int32 { Int32(bitPattern: bits << 8) >> 8 }

  /// The 24 bits of a signed number.
  static func unsigned(_ value: Int32) -> UInt32 { UInt32(bitPattern: value) & 0xFF_FFFF }
}
