import Foundation
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import Goldens

/// What a sketch sees, and how sharply: the statements of docs/goldens.md.
@Suite struct SketchErrorTests {
  private func values(_ count: Int, seed: UInt64 = 1) -> [Float] {
    var generator = SplitMix(seed: seed)
    return normalNumbers(count, &generator)
  }

  @Test func equalRecordsAreIdentical() {
    let result = compare(values(64), values(64))
    #expect(result.isIdentical && result.passes && result.error == 0 && result.ratio == 0)
  }

  /// The estimate of noise follows a chi-squared law of six degrees: unbiased, and between a third and twice the truth.
  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func denseNoise(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    let expected = normalNumbers(100, &generator)
    let first = measure(expected)
    var (meanSquare, low, high) = (0.0, 0, 0)
    let trials = 400
    for _ in 0..<trials {
      let noise = normalNumbers(100, &generator)
      let actual = zip(expected, noise).map { $0 + 0.01 * $1 }
      let ratio = compare(first, measure(actual)).error / trueError(expected, actual)
      meanSquare += ratio * ratio / Double(trials)
      if ratio < 0.5 { low += 1 }
      if ratio > 1.5 { high += 1 }
      #expect(ratio > 0.1 && ratio < 2.6, "seed \(seed)")
    }
    // The mean square has standard deviation sqrt(2 / 6 / trials), about 0.029.
    #expect(abs(meanSquare - 1) < 0.15, "seed \(seed)")
    // Chances of 0.038 and 0.036: in 400 trials 15 and 14.
    #expect((1...40).contains(low) && (1...40).contains(high), "seed \(seed): \(low) low, \(high) high")
  }

  /// How often an error all over a tensor is seen whose true root mean square is so many times the allowance.
  static let chances: [(times: Double, seen: ClosedRange<Double>)] = [
    (1.0 / 3, 0...0), (0.5, 0...0.01), (1, 0.33...0.52), (1.5, 0.78...0.92), (2, 0.92...0.99), (3, 0.98...1),
    (6, 0.997...1),
  ]

  @Test(arguments: chances, 1...2 as ClosedRange<UInt64>)
  func howOftenErrorsAreSeen(chance: (times: Double, seen: ClosedRange<Double>), seed: UInt64) {
    var generator = SplitMix(seed: seed)
    let expected = normalNumbers(64, &generator).map { Double($0) }
    let first = measure(expected)
    let allowance = compare(first, measure(expected.map { $0 * 2 })).allowance
    var seen = 0.0
    let trials = 300
    for _ in 0..<trials {
      let noise = normalNumbers(64, &generator).map { Double($0) }
      let rms = (noise.reduce(0) { $0 + $1 * $1 } / 64).squareRoot()
      let actual = zip(expected, noise).map { $0 + chance.times * allowance * $1 / rms }
      if !compare(first, measure(actual)).passes { seen += 1 / Double(trials) }
    }
    #expect(chance.seen.contains(min(1, seen)), "\(chance.times) times: \(seen), seed \(seed)")
  }

  /// One wrong element is estimated within 0.48 to 1.45 of its share, wherever it stands, and shows for certain from
  /// 2.1 times the allowance on.
  @Test(arguments: [1, 8, 64, 320])
  func oneElement(count: Int) {
    let expected = values(count)
    let first = measure(expected)
    let rms = Sketch(first).scale.rms
    for j in 0..<count {
      var actual = expected
      let size = Float(2.1 * 2.01e-4 * rms * Double(count).squareRoot())
      actual[j] += j % 2 == 0 ? size : -size
      let result = compare(first, measure(actual))
      let ratio = result.error / trueError(expected, actual)
      #expect(ratio > 0.48 && ratio < 1.45, "element \(j)")
      #expect(!result.passes && result.ratio > 1, "element \(j)")
      actual[j] = expected[j] * -1
      #expect(abs(expected[j]) < 0.1 || !compare(first, measure(actual)).passes, "sign of element \(j)")
    }
  }

  /// From where on a single element is seen for certain, whatever it is, also where the resolution is most of the
  /// allowance.
  @Test(arguments: [2e-4, 1e-6], [1, 8, 64, 320])
  func oneElementForCertain(rtol: Double, count: Int) {
    let expected = values(count).map { Double($0) }
    let first = measure(expected)
    let tolerance = Tolerance(rtol: rtol, atol: 1e-30)
    let same = compare(first, first, tolerance)
    let least =
      2.08 * Double(count).squareRoot() * (rtol * same.expectedRMS + 1e-30 + 2 * same.resolution)
    for j in 0..<count {
      for error in [least, -least] {
        var actual = expected
        actual[j] += error
        #expect(!compare(first, measure(actual), tolerance).passes, "element \(j)")
      }
    }
  }

  /// The same in shares of the root mean square, as the page gives them.
  static let shares: [(count: Double, rtol: Double, share: Double)] = [
    (64, 2e-4, 0.0034), (512, 2e-4, 0.0096), (32000, 2e-4, 0.076), (64, 1e-6, 4.8e-5), (512, 1e-6, 1.34e-4),
    (32000, 1e-6, 1.06e-3),
  ]

  @Test(arguments: shares)
  func sharesOfOneElement(count: Double, rtol: Double, share: Double) {
    let factor = (513.0 / 1024) / SketchWeights.meanSquare.squareRoot()
    #expect(abs(factor - 0.4813) < 1e-4 && 1 / factor < 2.08)
    let resolution = 0x1p-20 / SketchWeights.meanSquare.squareRoot()
    let exact = 2.08 * count.squareRoot() * (rtol * (1 + 0x1p-7) + 2 * resolution)
    #expect(exact <= share && exact > 0.98 * share)
  }

  /// The chances of both tables, for errors of normal numbers: sums of six and of three squares.
  static let tables: [(times: Double, six: Double, three: Double)] = [
    (1.0 / 3, 1e-9, 6e-6), (0.5, 5e-4, 7e-3), (1, 0.42, 0.39), (1.5, 0.85, 0.72), (2, 0.960, 0.861), (3, 0.995, 0.954),
    (4, 0.9990, 0.980), (6, 0.9999, 0.9938), (10, 0.999996, 0.9986),
  ]

  @Test(arguments: tables)
  func chancesOfTheTables(times: Double, six: Double, three: Double) {
    func isNear(_ chance: Double, _ stated: Double) -> Bool {
      let (own, other) = stated < 0.5 ? (chance, stated) : (1 - chance, 1 - stated)
      return own > 0.7 * other && own < 1.3 * other
    }
    let (x, y) = (6 / times / times, 3 / times / times)
    #expect(isNear(exp(-x / 2) * (1 + x / 2 + x * x / 8), six))
    #expect(isNear(erfc((y / 2).squareRoot()) + (2 * y / .pi).squareRoot() * exp(-y / 2), three))
  }

  static let changes: [(name: String, change: @Sendable ([Float]) -> [Float])] = [
    ("scaled by 1.001", { $0.map { $0 * 1.001 } }),
    ("scaled by 0.999", { $0.map { $0 * 0.999 } }),
    ("all signs", { $0.map { -$0 } }),
    ("signs of the first head", { Array($0[..<8].map { -$0 } + $0[8...]) }),
    ("every other sign", { x in x.indices.map { $0 % 2 == 0 ? x[$0] : -x[$0] } }),
    ("reversed", { $0.reversed() }),
    ("shifted by one", { Array($0[1...] + $0[..<1]) }),
    ("rows of 8 exchanged", { Array($0[8..<16] + $0[..<8] + $0[16...]) }),
    ("pairs to halves", { x in (0..<64).map { $0 < 32 ? x[2 * $0] : x[2 * ($0 - 32) + 1] } }),
    ("transposed", { x in (0..<64).map { x[$0 % 8 * 8 + $0 / 8] } }),
    ("zeros", { $0.map { _ in 0 } }),
    ("last four zero", { Array($0[..<60]) + [0, 0, 0, 0] }),
    ("all plus a thousandth", { $0.map { $0 + 0.001 } }),
  ]

  /// What norms and means do not see, or hardly.
  @Test(arguments: changes.indices, 1...3 as ClosedRange<UInt64>)
  func changed(index: Int, seed: UInt64) {
    let (name, change) = Self.changes[index]
    let expected = values(64, seed: seed)
    let actual = change(expected)
    let result = compare(expected, actual)
    #expect(!result.passes && result.ratio > 1.5, "\(name), seed \(seed)")
    let ratio = result.error / trueError(expected, actual)
    #expect(ratio > 0.3 && ratio < 2, "\(name), seed \(seed)")
    #expect(!compare(expected, actual, .exact).passes)
  }

  /// Elements that have changed places, any two of them.
  @Test func swaps() {
    let count = 96
    let expected = (0..<count).map { Float($0) }
    let first = measure(expected)
    for a in 0..<count {
      for b in 0..<a {
        var actual = expected
        actual.swapAt(a, b)
        let result = compare(first, measure(actual))
        #expect(!result.passes, "\(a) and \(b)")
        #expect(result.error > 0.1 * trueError(expected, actual), "\(a) and \(b)")
      }
    }
  }

  @Test func withinTolerance() {
    let expected = values(64)
    let near = expected.map { $0 * (1 + 1e-5) }
    let result = compare(expected, near)
    #expect(!result.isIdentical && result.passes && result.error > 0 && result.ratio < 1 && result.ratio > 0.01)
    #expect(!compare(expected, near, Tolerance(rtol: 1e-6, atol: 0)).passes)
    #expect(compare(expected, near, Tolerance(rtol: 0, atol: 1e-4)).passes)
    let override = Tolerance(rtolOverrides: [Tolerance.Override(NamePattern("logits"), 1e-6)])
    #expect(!compare(expected, near, override).passes)
    #expect(!compare(expected, near, .exact).passes)
    #expect(compare(expected, near, .exact).ratio == .infinity)
  }

  @Test func errorsInUlps() {
    let expected = [Float](repeating: 1, count: 64)
    let actual = [Float](repeating: 1 + 64 * Float.ulpOfOne, count: 64)
    let result = compare(expected, actual)
    let ulps = result.ulps ?? 0
    #expect(ulps > 20 && ulps < 128 && result.expectedRMS == 1)
    #expect(ElementType.float32.unitInLastPlace(of: 1) == Double(Float.ulpOfOne))
    #expect(ElementType.float32.unitInLastPlace(of: 1e-40) == Double(Float.leastNonzeroMagnitude))
    #expect(ElementType.float64.unitInLastPlace(of: 3) == 3.0.ulp)
    #expect(
      ElementType.float16.unitInLastPlace(of: 1) == 0x1p-10 && ElementType.bfloat16.unitInLastPlace(of: 1) == 0x1p-7)
    #expect(ElementType.int8.unitInLastPlace(of: 60) == 1)
  }
}
