/// The weights of the projections, by element.
///
/// A record of any shape is taken as a vector in row-major order. Element j has one 64-bit number,
///
///     z = (j + 1) * 9E3779B97F4A7C15;  z = (z ^ z >> 30) * BF58476D1CE4E5B9;  z = (z ^ z >> 27) * 94D049BB133111EB
///     z = z ^ z >> 31
///
/// of which projection i takes ten bits from bit 10 i on: nine for a magnitude, one for a sign,
///
///     w = +-(513 + 2 * nine bits) / 1024
///
/// So every weight lies between 1/2 and 3/2 in magnitude: an element that is wrong alone shows in every projection.
/// Weights of two elements are hardly ever equal in all projections, so that elements which have changed places show
/// too.
struct SketchWeights {
  /// Number of projections.
  static let projectionCount = 6
  /// Mean square of a weight: that of 512 equally spaced magnitudes around 1.
  static let meanSquare = 1 + (1 - 0x1p-18) / 12
  /// No weight is as great.
  static let limit = 1.5

  /// How many elements' weights are kept, in 2 MB. Those of further elements are made where they are needed, since memory
  /// must not grow with the records.
  static let tableLimit = 1 << 15

  /// By element: a weight for each projection in the first lanes; the last two lanes are zero.
  private(set) var table: [SIMD8<Double>] = []

  /// Makes sure that there are weights for so many elements, up to the limit.
  mutating func grow(to count: Int) {
    let count = min(count, Self.tableLimit)
    guard count > table.count else { return }
    table.reserveCapacity(count)
    for j in table.count..<count { table.append(Self.weights(ofElement: j)) }
  }

  /// The weights of element j.
  @inline(__always)
  static func weights(ofElement j: Int) -> SIMD8<Double> {
    var bits = UInt64(truncatingIfNeeded: j &+ 1) &* 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    bits ^= bits >> 31
    let parts = SIMD8<UInt64>(bits, bits >> 10, bits >> 20, bits >> 30, bits >> 40, bits >> 50, 0, 0)
    // 1 + (2 m + 1) / 1024 as a float64, less 1/2.
    let ones = SIMD8<UInt64>(repeating: 0x3FF << 52 | 1 << 42)
    let magnitudes = unsafeBitCast(ones | (parts & 511) &<< 43, to: SIMD8<Double>.self) - 0.5
    let signs = (parts & 512) &<< 54
    let weights = unsafeBitCast(unsafeBitCast(magnitudes, to: SIMD8<UInt64>.self) | signs, to: SIMD8<Double>.self)
    return weights.replacing(with: 0, where: Self.unusedLanes)
  }

  private static let unusedLanes = SIMDMask<SIMD8<Int64>>([
    false, false, false, false, false, false, true, true,
  ])
}
