/// A record's root mean square as its sketch holds it: the upper 18 bits of a float64 without its sign, rounded up.
/// Below the normal numbers it has fewer significant bits than eight.
///
/// It also fixes the step in which the projections are stored.
struct SketchScale: Equatable, Sendable {
  /// Eleven bits of exponent, as float64 has it, and seven of the fraction. 0 is zero.
  let bits: UInt32

  /// The scale of a sketch that was read.
  init(bits: UInt32) { self.bits = bits }

  /// The smallest scale that is not below a root mean square, which is finite and not negative. Above 1.992 * 2^1023 it
  /// is the greatest there is, at most 0.4% below.
  init(roundingUp rms: Double) {
    bits = UInt32(min((rms.bitPattern + (1 << 45 - 1)) >> 45, UInt64(Self.greatest)))
  }

  private static let greatest: UInt32 = 0x7FE << 7 | 0x7F

  /// Whether these bits can stand in a sketch.
  var isValid: Bool { bits <= Self.greatest }

  /// The root mean square.
  var rms: Double { Double(bitPattern: UInt64(bits) << 45) }

  /// The exponent of the step in which projections of so many finite elements are stored; nil where all of them are
  /// zero.
  ///
  /// Let 2^s be the smallest power of two that is not below `rms * sqrt(finiteCount)`. The step is 2^(s - 20), so that
  /// 24 bits hold projections of up to eight times 2^s. No ordinary record has greater ones; a record that is nearly
  /// parallel to the weights has, and is stored in coarse steps, which hold whatever projections can be.
  func stepExponent(finiteCount: Int, isCoarse: Bool) -> Int? {
    guard bits > 0, finiteCount > 0 else { return nil }
    let (root, exponent) = (Double(finiteCount).squareRoot(), rms.exponent)
    let norm = rms.significand * root
    let normExponent = Int(exponent) + Int(norm.exponent) + (norm.significand > 1 ? 1 : 0)
    guard isCoarse else { return normExponent - 20 }
    // A projection is at most 1.5 times the sum of magnitudes, and that at most root times the norm.
    return normExponent + Int(root.exponent) + 2 - 23
  }
}
