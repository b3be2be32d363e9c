import Kernels

/// The same numbers in -1...1 on every machine.
func numbers(_ count: Int, seed: UInt64) -> [Float] {
  var state = seed
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Float(Int64(state >> 40)) / Float(1 << 23) - 1
  }
}

/// A network of 24 inputs and 66 hidden values, two of which are left over by a loop that takes four at a time.
let network = FeedForward(
  normWeight: numbers(24, seed: 1), up: numbers(66 * 24, seed: 2), down: numbers(24 * 66, seed: 3))
