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

  /// How many elements' weights are kept, in 2 MB. Those of further elements are made where they are needed, since
  /// memory must not grow with the records.
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
  static func weights(ofElement j: Int) -> SIMD8<Double> {
    let byBits = byBits
    return weights(ofElement: j, byBits.span)
  }

  /// By the ten bits that a projection takes: the weight.
  static let byBits: [Double] = (0..<1024).map { ten in
    let magnitude = Double(513 + 2 * (ten & 511)) / 1024
    return ten & 512 == 0 ? magnitude : -magnitude
  }

  /// The weights of element j.
  ///
  /// - Parameter byBits: the table of that name, which is fetched once for many elements.
  @inline(__always)
  static func weights(ofElement j: Int, _ byBits: Span<Double>) -> SIMD8<Double> {
    var bits = UInt64(j + 1) &* 0x9E37_79B9_7F4A_7C15
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    bits ^= bits >> 31
    func weight(_ shift: UInt64) -> Double { byBits[unchecked: Int(truncatingIfNeeded: (bits &>> shift) & 1023)] }
    return SIMD8(weight(0), weight(10), weight(20), weight(30), weight(40), weight(50), 0, 0)
  }
}
