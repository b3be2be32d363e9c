import Foundation
import Model
import TestSupport
import Testing
import TraceFormat

@testable import Explanation

/// What happens where float32 ends: overflow, underflow, infinities and NaN.
@Suite struct RangeTests {
  @Test func normWhoseSquaresOverflow() {
    // Float sums give infinity and so 0; float64 sums give the right answer. Both are honest.
    let (x, w) = ([3e19, -1e19, 2e19], [1.0, 2, 0.5])
    let estimate = Replay.rmsNorm(Estimate(x), weight: w, Replay.NormRecipe(epsilon: 1e-5))
    #expect(estimate.isUnbounded)
    #expect(Verdict(Machine().rmsNorm(x, w, epsilon: 1e-5, .scaleFirst), estimate).passes)
    #expect(Verdict(Machine { $0.isWide = true }.rmsNorm(x, w, epsilon: 1e-5, .scaleFirst), estimate).passes)
  }

  /// Honest results differ without limit there, so explain says that it could not check them.
  @Test func explainListsWhatLeavesTheRange() throws {
    let explanation = try RecallModel(.grouped, .legacy, positions: 2).explain(HugeEmbedding())
    #expect(explanation.faults.map(\.site) == [.embedding])
    #expect(Set(explanation.unchecked.map(\.name.site)) == [.attentionNorm, .ffnNorm, .finalNorm])
    #expect(explanation.unchecked.allSatisfy { $0.reason.contains("leaves the range of float32") })
  }

  private struct HugeEmbedding: Operations {
    private let base = Llama2Operations<Float>()

    func perform(_ site: Site, layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
      base.perform(site, layer: layer, &s, model)
      guard site == .embedding else { return }
      for position in 0..<s.positions.count {
        var row = s.x.mutableRow(position)
        for j in 0..<row.count { row[j] *= 1e22 }
      }
    }
  }

  @Test func normOfZeros() {
    let zeros = [0.0, 0, 0, 0]
    let ones = [1.0, 1, 1, 1]
    let bounded = Replay.rmsNorm(Estimate(zeros), weight: ones, Replay.NormRecipe(epsilon: 1e-5))
    #expect(Verdict(zeros, bounded).passes)
    #expect(!Verdict([1e-30, 0, 0, 0], bounded).passes)
    // 0 / 0 without an epsilon.
    let unbounded = Replay.rmsNorm(Estimate(zeros), weight: ones, Replay.NormRecipe(epsilon: 0))
    #expect(unbounded.isUnbounded)
    #expect(Verdict([.nan, .nan, .nan, .nan], unbounded).passes)
  }

  @Test func normOfSquaresThatUnderflow() {
    // The squares vanish, so without an epsilon the result is infinite; with one it is as good as ever.
    let (x, w) = ([1e-25, -2e-25], [1.0, 1])
    #expect(Replay.rmsNorm(Estimate(x), weight: w, Replay.NormRecipe(epsilon: 0)).isUnbounded)
    let estimate = Replay.rmsNorm(Estimate(x), weight: w, Replay.NormRecipe(epsilon: 1e-5))
    #expect(estimate.errors.allSatisfy { $0 < 1e-28 })
  }

  @Test func productWhosePartialSumsOverflow() {
    let estimate = product([[1, 1, -1, -1], [1, 0, 0, 0]], [3e38, 3e38, 3e38, 3e38])
    #expect(estimate.errors[0] == .infinity)
    #expect(Verdict([.infinity], Estimate([estimate.values[0]], errors: [estimate.errors[0]])).passes)
    #expect(Verdict([.nan], Estimate([estimate.values[0]], errors: [estimate.errors[0]])).passes)
    // The other row is judged as ever.
    #expect(estimate.errors[1] < 1e33)
  }

  @Test func softmaxWithoutTheMaximumOverflows() {
    let s = [1000.0, 999, -1000]
    let estimate = Replay.softmax(Estimate(s))
    #expect(Verdict(Machine().softmax(s, subtractsMaximum: true), estimate).passes)
    #expect(!Verdict([.nan, .nan, 0], estimate).passes)
    // The bound knows nothing of exp(1000), nor, where all scores are low, of exp(-1000).
    #expect(estimate.errors[0] < 1e-5)
    #expect(Replay.softmax(Estimate([-1000, -1001])).errors[0] < 1e-5)
  }

  @Test func softmaxOfInfinities() {
    let masked = Replay.softmax(Estimate([1, -.infinity, 2]))
    #expect(masked.values[1] == 0)
    #expect(masked.errors.allSatisfy { $0 < 1e-5 })
    #expect(Verdict([1 / (1 + exp(1.0)), 0, 1 / (1 + exp(-1.0))], masked).passes)
    #expect(!Verdict([1 / (1 + exp(1.0)), 1e-30, 1 / (1 + exp(-1.0))], masked).passes)
    let allMasked = Replay.softmax(Estimate([-.infinity, -.infinity]))
    #expect(Verdict([.nan, .nan], allMasked).passes)
    #expect(!Verdict([0.5, 0.5], allMasked).passes)
    // Whether infinity over infinity comes before or after the others' zeros depends on the maximum's subtraction.
    let infinite = Replay.softmax(Estimate([.infinity, 1]))
    #expect(Verdict([.nan, 0], infinite).passes)
    #expect(Verdict([.nan, .nan], infinite).passes)
  }

  @Test func gatesWhoseExponentialOverflows() {
    let estimate = Replay.swiglu(Estimate([-200, 200, -90]), Estimate([5, 5, 1e30]))
    #expect(Verdict([0, 1000, 0], estimate).passes)
    #expect(Verdict([-0.0, 1000, -90 * exp(-90.0) * 1e30], estimate).passes)
    #expect(!Verdict([-1e-30, 1000, 0], estimate).passes)
    #expect(!Verdict([.nan, 1000, 0], estimate).passes)
  }

  @Test func storageAtTheEndsOfTheFormats() {
    typealias Element = Judgement.Element
    #expect(Element(.infinity, 65530, 0, .float16).passes)
    #expect(!Element(.infinity, 65000, 0, .float16).passes)
    #expect(!Element(-.infinity, 65530, 0, .float16).passes)
    #expect(Element(.infinity, 0x1.FFp127, 0, .bfloat16).passes)
    #expect(!Element(.infinity, 0x1.FFp127, 0, .float32).passes)
    #expect(Element(0x1p-25, 0, 0, .float16).passes)
    #expect(Element(0, 0x1p-127, 0, .bfloat16).passes)
    #expect(!Element(.nan, 1, 0.5, .float32).passes)
    #expect(!Element(1, .nan, .infinity, .float32).passes)
  }

  @Test func subnormalScales() {
    // Under flush-to-zero the scale is 0; where subnormal numbers are kept, it has few bits. Neither says much of the
    // values.
    let x = [1e-43, -2e-43, 0, 0]
    let scale = Double(Float(2e-43) / 127)
    let estimate = Replay.quantizedValues(Estimate(x), scales: Estimate([scale]), groupSize: 4)
    #expect(Verdict([0, 0, 0, 0], estimate).passes)
    let flushed = Replay.quantizedValues(Estimate(x), scales: Estimate([0]), groupSize: 4)
    #expect(Verdict([0, 0, 0, 0], flushed).passes)
    #expect(!Verdict([1, 0, 0, 0], flushed).passes)
    #expect(Verdict([0], Replay.quantizationScales(Estimate(x), groupSize: 4)).passes)
    // A subnormal value next to a normal scale may be taken for zero.
    let least = Replay.quantizedValues(Estimate([0x1.FCp-120, 0x1.8p-127]), scales: Estimate([0x1p-126]), groupSize: 2)
    #expect(Verdict([127, 0], least).passes && Verdict([127, 1], least).passes && !Verdict([126, 1], least).passes)
  }

  @Test(arguments: [-1.0, 1])
  func quotientsOnABoundary(sign: Double) {
    // 2.5 may become 2 or 3, whatever the rule for halves; 2.4 only 2.
    let x = [127, 2.5 * sign, 2.4 * sign]
    let estimate = Replay.quantizedValues(Estimate(x), scales: Estimate([1]), groupSize: 3)
    #expect(Verdict([127, 2 * sign, 2 * sign], estimate).passes)
    #expect(Verdict([127, 3 * sign, 2 * sign], estimate).passes)
    #expect(!Verdict([127, 2 * sign, 3 * sign], estimate).passes)
  }
}
