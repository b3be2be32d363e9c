import Foundation
import Testing
import TestSupport
import TraceFormat

@testable import Explanation

/// The bounds are narrow enough: the smallest faults that matter lie outside them.
@Suite struct TightnessTests {
  private static let seed: UInt64 = 20_240_712

  @Test(arguments: [48, 288, 768])
  func anotherEpsilon(n: Int) {
    var inputs = Inputs(seed: Self.seed)
    let x = inputs.vector(.random, n).map { Double(Float($0 * 0.05.squareRoot())) }
    let w = inputs.vector(.random, n)
    let estimate = Replay.rmsNorm(Estimate(x), weight: w, Replay.NormRecipe(epsilon: 1e-5))
    let verdict = Verdict(Machine().rmsNorm(x, w, epsilon: 1e-6, .scaleFirst), estimate)
    print("RMSNorm of \(n), epsilon 1e-6 for 1e-5 at a mean square of 0.05: ratio \(verdict.ratio)")
    #expect(verdict.ratio > 2)
  }

  @Test func aDroppedTerm() {
    var inputs = Inputs(seed: Self.seed)
    var least = Double.infinity
    for _ in 0..<100 {
      let (w, x) = (inputs.vector(.random, 288), inputs.vector(.random, 288))
      let products = zip(w, x).map { abs($0 * $1) }.sorted()
      // The term of middling size; the least term of a sum may be less than its rounding.
      guard let dropped = w.indices.first(where: { abs(w[$0] * x[$0]) == products[144] }) else { continue }
      var shorter = w
      shorter[dropped] = 0
      least = min(least, Verdict([Machine().dot(shorter, x)], product([w], x)).ratio)
    }
    print("a term of 288 dropped: least ratio \(least)")
    #expect(least > 20)
  }

  @Test func bfloat16Storage() {
    var inputs = Inputs(seed: Self.seed)
    let (gate, up) = (inputs.vector(.random, 64), inputs.vector(.random, 64))
    let estimate = Replay.swiglu(Estimate(gate), Estimate(up))
    let honest = Machine().swiglu(gate, up, .sigmoid)
    let stored = honest.map { NumberFormat.bfloat16.rounded($0) }
    #expect(Verdict(stored, estimate, .bfloat16).passes)
    #expect(!Verdict(stored, estimate).passes, "float32 records of bfloat16 values are not float32 rounding")
    let next = stored.map { $0 + NumberFormat.bfloat16.step(abs($0)) }
    let verdict = Verdict(next, estimate, .bfloat16)
    print("one step of bfloat16 beyond the nearest: ratio \(verdict.ratio)")
    #expect(verdict.ratio > 1)
  }

  /// At the lowest frequency of a head of 48 elements, one position is an angle of 1.5e-4.
  @Test(arguments: [1, 100, 1000, 4096, 20000])
  func positionOffByOne(position: Int) {
    var inputs = Inputs(seed: Self.seed)
    var v = [Double](repeating: 0, count: 48)
    v[46] = inputs.bell()
    v[47] = inputs.bell()
    let estimate = Replay.rotate(
      Estimate(v), position: position, Replay.RotationRecipe(headSize: 48, base: 10000))
    let verdict = Verdict(
      Machine().rotate(v, position: position + 1, headSize: 48, base: 10000, .power), estimate)
    print("RoPE one position further at \(position): ratio \(verdict.ratio)")
    #expect(verdict.ratio > 1)
  }

  /// Rotating step by step in float32: at low frequencies the step's cosine rounds to 1, and the pair grows with every
  /// position.
  @Test func recurrenceOverPositionsInFloat32() {
    let frequency = pow(10000, -46.0 / 48)
    let (c, s) = (Float(cos(frequency)), Float(sin(frequency)))
    var turned: (Float, Float) = (1, 0)
    for _ in 0..<4000 { turned = (turned.0 * c - turned.1 * s, turned.0 * s + turned.1 * c) }
    let v = [Double](repeating: 0, count: 46) + [1, 0]
    let estimate = Replay.rotate(Estimate(v), position: 4000, Replay.RotationRecipe(headSize: 48, base: 10000))
    let verdict = Verdict([Double](repeating: 0, count: 46) + [Double(turned.0), Double(turned.1)], estimate)
    print("RoPE by a recurrence over 4000 positions in float32: ratio \(verdict.ratio)")
    #expect(verdict.ratio > 1)
  }

  @Test func anExponentialWithEightBits() {
    // The range reduction of a fast exponential without its correction: relative errors of some 1e-3.
    let s = (0..<40).map { Double($0) / 7 }
    let estimate = Replay.softmax(Estimate(s))
    let rough = estimate.values.enumerated().map { $1 * ($0 % 2 == 0 ? 1.0005 : 0.9995) }
    #expect(Verdict(rough, estimate).ratio > 50)
  }

  @Test func sigmoidByTangens() {
    let gate = [-12.0, -9, -6]
    let estimate = Replay.swiglu(Estimate(gate), Estimate([1, 1, 1]))
    let cancelled = gate.map { g in Double(Float(g) * (0.5 * (1 + tanhf(Float(g) / 2)))) }
    #expect(!Verdict(cancelled, estimate).passes)
  }

  @Test func aStepOfQuantization() {
    var inputs = Inputs(seed: Self.seed)
    let x = inputs.vector(.random, 4096)
    let (values, scale) = Machine().quantize(x, .away)
    let estimate = Replay.quantizedValues(Estimate(x), scales: Estimate([scale]), groupSize: 4096)
    let ambiguous = estimate.errors.count { $0 > 0 }
    print("quantized values that may be either of two: \(ambiguous) of 4096")
    #expect(ambiguous <= 4)
    #expect(!Verdict(values.map { $0 + 1 }, estimate).passes)
  }
}
