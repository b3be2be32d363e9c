import Foundation
import TestSupport

/// Vectors that are hard on rounding bounds, reproducible from a seed.
struct Inputs {
  /// What a vector is like.
  enum Kind: CaseIterable {
    case random
    /// Pairs that nearly cancel.
    case cancelling
    /// Subnormal numbers, and some just above.
    case subnormal
    /// Numbers whose products underflow.
    case tiny
    /// Numbers whose squares are near the end of the range.
    case huge
    case sparse
    /// Rising magnitudes, over many binades.
    case sorted
    case equal
    /// Magnitudes from 1e-30 to 1e10.
    case mixed
  }

  /// The seed, for messages.
  let seed: UInt64
  private var generator: SplitMix

  init(seed: UInt64) {
    self.seed = seed
    generator = SplitMix(seed: seed)
  }

  /// A number in a range.
  mutating func uniform(_ range: ClosedRange<Double>) -> Double { .random(in: range, using: &generator) }

  /// An integer in a range.
  mutating func integer(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &generator) }

  /// A float32 of a bell-shaped distribution with deviation 1.
  mutating func bell() -> Double {
    Double(Float((0..<4).reduce(0.0) { sum, _ in sum + uniform(-0.5...0.5) } * 1.7320508))
  }

  /// A vector; every element is a float32.
  mutating func vector(_ kind: Kind, _ n: Int) -> [Double] {
    var x = (0..<n).map { _ in bell() }
    switch kind {
    case .random: break
    case .cancelling: for j in stride(from: 1, to: n, by: 2) { x[j] = -x[j - 1] * (1 + uniform(-1...1) * 1e-6) }
    case .subnormal: for j in 0..<n { x[j] *= j % 5 == 0 ? 0x1p-125 : 0x1p-130 }
    case .tiny: for j in 0..<n { x[j] *= 1e-20 }
    case .huge: for j in 0..<n { x[j] *= 1e17 }
    case .sparse: for j in 0..<n where j % 17 != 3 { x[j] = 0 }
    case .sorted: for j in 0..<n { x[j] *= exp2(40 * Double(j) / Double(n) - 20) }
    case .equal: x = [Double](repeating: x[0], count: n)
    case .mixed: for j in 0..<n { x[j] *= pow(10, uniform(-30...10)) }
    }
    return x.map { Double(Float($0)) }
  }
}
