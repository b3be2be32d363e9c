/// Numbers that depend on a seed, a tensor and an element's index alone, so that elements can be drawn in any order and
/// in pieces. The same on every platform: integers, and one rounding of the final product.
///
/// Word number i is output number i of SplitMix64 (Steele, Lea and Flood, 2014) started at the stream's key.
struct VariateStream: Sendable {
  private static let gamma: UInt64 = 0x9E37_79B9_7F4A_7C15
  private let key: UInt64

  /// The stream of one tensor of one layer.
  ///
  /// - Parameters:
  ///   - tag: the tensor, below 2^32.
  ///   - layer: 0 for tensors outside the layers.
  init(seed: UInt64, tag: UInt64, layer: Int) {
    key = Self.mix(Self.mix(seed &+ Self.gamma) ^ Self.mix(tag << 32 | UInt64(layer)))
  }

  /// 64 random bits.
  @inline(__always)
  func word(_ index: Int) -> UInt64 {
    Self.mix(key &+ (UInt64(index) &+ 1) &* Self.gamma)
  }

  /// Largest absolute value of `bell`.
  static let bellLimit = 131_070

  /// Standard deviation of `bell`: that of a sum of four uniform integers below 2^16, sqrt(4 * (2^32 - 1) / 12).
  static let bellDeviation = (4_294_967_295.0 / 3).squareRoot()

  /// A bell-shaped integer around 0: the sum of four uniform ones, exact as Float.
  @inline(__always)
  func bell(_ index: Int) -> Float {
    let bits = word(index)
    let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + bits >> 48
    return Float(Int32(truncatingIfNeeded: sum) - Int32(Self.bellLimit))
  }

  /// A multiple of 2^-23 in -1..<1.
  @inline(__always)
  func uniform(_ index: Int) -> Float {
    Float(Int32(truncatingIfNeeded: word(index) >> 40) - 0x80_0000) * 0x1p-23
  }

  /// SplitMix64's output function.
  @inline(__always)
  private static func mix(_ state: UInt64) -> UInt64 {
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }
}
