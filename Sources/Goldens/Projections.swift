/// The projections of one record's finite elements, in float64: `values * 2^exponent`.
struct Projections: Equatable, Sendable {
  /// The sums, one to a lane; the last two lanes are zero.
  var values: SIMD8<Double>
  /// What they are to be scaled by, so that elements of any float64 magnitude can be summed.
  var exponent: Int

  /// The projections of zeros.
  static let zero = Projections(values: SIMD8(repeating: 0), exponent: 0)
}

/// A number times a power of two; exact unless the result leaves the range of normal numbers.
func scaled(_ value: Double, by exponent: Int) -> Double {
  Double(sign: .plus, exponent: exponent, significand: value)
}
