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

  /// By element: a weight for each projection in the first lanes; the last two lanes are zero.
  private(set) var table: [SIMD8<Double>] = []

  /// Makes sure that there are weights for so many elements.
  mutating func grow(to count: Int) {
    guard count > table.count else { return }
    table.reserveCapacity(count)
    for j in table.count..<count { table.append(Self.weights(ofElement: j)) }
  }

  /// The weights of element j.
  static func weights(ofElement j: Int) -> SIMD8<Double> {
    var bits = UInt64(j + 1) &* 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    bits ^= bits >> 31
    var weights = SIMD8<Double>(repeating: 0)
    for i in 0..<projectionCount {
      let ten = (bits >> UInt64(10 * i)) & 1023
      let magnitude = Double(513 + 2 * (ten & 511)) / 1024
      weights[i] = ten & 512 == 0 ? magnitude : -magnitude
    }
    return weights
  }
}
