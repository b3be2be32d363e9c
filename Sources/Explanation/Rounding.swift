import TraceFormat

/// The constants of the rounding bounds; `docs/rounding.md` derives them, with the same names.
enum Rounding {
  /// Unit roundoff of float32: half the distance from 1 to the next number.
  static let u = 0x1p-24
  /// What a result that underflows, or is flushed to zero, may lose.
  static let eta = 0x1p-126
  /// Relative error of an elementary function (exp, cos, sin): 4 ulp, each at most 2u. Vector libraries state 4 ulp.
  static let libm = 8 * u
  /// Relative error of one rounding of a replayed value: u, and room for the replay's own rounding.
  static let once = u * (1 + 0x1p-10)
  /// Relative error of 1 / x: a division, or an approximate reciprocal of 12 bits and one Newton step.
  static let reciprocal = 5.5 * u
  /// Relative error of a / x: a division, or a product with such a reciprocal.
  static let quotient = reciprocal + u
  /// Relative error of 1 / sqrt(x): a root and a division, or an approximation of 12 bits and one Newton step.
  static let reciprocalRoot = 6.5 * u
  /// Greatest finite float32.
  static let greatest = Double(Float.greatestFiniteMagnitude)

  /// Greatest finite number of a format; of float64, that of float32, because float64 traces are judged as such.
  @inline(__always)
  static func greatest(_ type: ElementType) -> Double {
    switch type {
    case .float32, .float64, .int8: greatest
    case .float16: 65504
    case .bfloat16: 0x1.FEp127
    }
  }

  /// n*u / (1 - n*u): the relative error of n roundings (Higham, lemma 3.1).
  @inline(__always)
  static func gamma(_ n: Int) -> Double {
    let product = Double(n) * u
    return product < 1 ? product / (1 - product) : .infinity
  }

  /// Relative error of the replay's own float64 sum of n products of dequantized values.
  static func replay(_ n: Int) -> Double { Double(n + 2) * 0x1p-53 }

  /// What storing a value in a format may change, beside the float32 rounding that every bound contains.
  @inline(__always)
  static func storage(_ magnitude: Double, _ type: ElementType) -> Double {
    switch type {
    case .float32, .float64, .int8: 0
    case .float16: 0x1p-11 * magnitude + 0x1p-25
    case .bfloat16: 0x1p-8 * magnitude + 0x1p-126
    }
  }
}
