import TestSupport
import Testing
import TraceComparison

@testable import Goldens

/// NaN and infinities are told by their places, whatever the tolerance.
@Suite struct NonFiniteTests {
  private func record(_ special: [Int: Float]) -> [Float] {
    var generator = SplitMix(seed: 5)
    var values = normalNumbers(64, &generator)
    for (index, value) in special { values[index] = value }
    return values
  }

  private let wide = Tolerance(rtol: 1e9, atol: 1e30)

  static let others: [[Int: Float]] = [
    [:], [4: .nan], [3: .nan, 4: .nan], [3: .infinity], [3: -.infinity], [3: .nan, 63: -.infinity],
  ]

  @Test(arguments: others)
  func elsewhere(other: [Int: Float]) {
    for (expected, actual) in [(record([3: .nan]), record(other)), (record(other), record([3: .nan]))] {
      let result = compare(expected, actual, wide)
      #expect(result.hasNonFiniteMismatch && !result.passes && result.ratio == .infinity)
    }
  }

  @Test func infinitiesHaveSigns() {
    let result = compare(record([3: .infinity]), record([3: -.infinity]), wide)
    #expect(!result.passes && result.nonFinite == (1, 1))
    #expect(compare(record([3: .infinity]), record([3: .infinity])).isIdentical)
  }

  /// As in a comparison of traces, bits of NaN count only where equal bits are asked for.
  @Test func bitsOfNaN() {
    let (first, second) = (record([3: .nan, 9: .nan]), record([3: -.nan, 9: .signalingNaN]))
    let result = compare(first, second, noTolerance)
    #expect(!result.isIdentical && result.passes && !result.hasNonFiniteMismatch && result.nonFinite == (2, 2))
    #expect(!compare(first, second, .exact).passes)
  }

  /// What is finite beside them is still estimated.
  @Test func errorsBesideThem() {
    let expected = record([3: .nan, 8: .infinity])
    var actual = expected
    actual[20] += 0.5
    let result = compare(expected, actual)
    #expect(!result.hasNonFiniteMismatch && !result.passes)
    #expect(result.error > 0.48 * 0.5 / 8 && result.error < 1.45 * 0.5 / 8)
    actual = expected.map { $0 * 1.00001 }
    #expect(compare(expected, actual).passes)
    actual.swapAt(30, 31)
    #expect(!compare(expected, actual).passes)
  }

  /// Masked scores: what is estimated is the error of the finite elements, not diluted by the others.
  @Test(arguments: 1...8 as ClosedRange<UInt64>, [2, 16, 64])
  func errorsBesideManyInfinities(seed: UInt64, share: Int) {
    var generator = SplitMix(seed: seed)
    let count = 4096
    func masked(_ values: [Float]) -> [Float] {
      values.indices.map { $0 % share == 0 ? values[$0] : -.infinity }
    }
    let values = normalNumbers(count, &generator)
    let expected = masked(values)
    let first = measure(expected)
    #expect(first.finiteCount == count / share)
    var (meanSquare, seen) = (0.0, 0)
    let trials = 60
    for _ in 0..<trials {
      let noise = normalNumbers(count, &generator)
      let result = compare(first, measure(masked(zip(values, noise).map { $0 + 4 * 2e-4 * $1 })))
      #expect(!result.hasNonFiniteMismatch && result.resolution < 0.96e-6 * result.expectedRMS)
      let finite = noise.indices.filter { $0 % share == 0 }
      let rms = finite.reduce(0.0) { $0 + Double(noise[$1]) * Double(noise[$1]) / Double(finite.count) }.squareRoot()
      let ratio = result.error / (4 * 2e-4 * rms)
      meanSquare += ratio * ratio / Double(trials)
      if !result.passes { seen += 1 }
    }
    // Of three projections: standard deviation sqrt(2 / 3 / trials), about 0.105.
    #expect(abs(meanSquare - 1) < 0.45, "seed \(seed): \(meanSquare)")
    // Four times the allowance is seen with a chance of 0.980.
    #expect(seen >= trials - 6, "seed \(seed): \(seen)")
  }

  @Test func recordsOfNothingElse() {
    let expected = [Float](repeating: .nan, count: 8)
    #expect(compare(expected, expected).passes)
    #expect(compare(expected, expected.map { -$0 }, noTolerance).passes)
    #expect(!compare(expected, [Float](repeating: .infinity, count: 8), wide).passes)
    let sketch = Sketch(measure(expected))
    #expect(Sketch(sketch.text) == sketch && sketch.nonFinite?.count == 8)
  }
}
