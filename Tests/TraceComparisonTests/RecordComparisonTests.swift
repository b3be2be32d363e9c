import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct RecordComparisonTests {
  /// The same, written as plainly as possible.
  struct Oracle {
    var differing = 0
    var beyond = 0
    var nonFinite = 0
    var worstIndex: Int?
    var worstRatio = -1.0
    var greatestAbsolute = 0.0
    var greatestRelative = 0.0
    var errorSquares = 0.0

    init(_ expected: [Float], _ actual: [Float], rtol: Double, atol: Double) {
      let finite = expected.filter(\.isFinite).map(Double.init)
      let rms = finite.isEmpty ? 0 : (finite.map { $0 * $0 }.reduce(0, +) / Double(finite.count)).squareRoot()
      for index in expected.indices where expected[index].bitPattern != actual[index].bitPattern {
        differing += 1
        let (e, a) = (Double(expected[index]), Double(actual[index]))
        var ratio = 0.0
        if e.isNaN && a.isNaN {
          // Equal for our purpose.
        } else if !e.isFinite || !a.isFinite {
          nonFinite += 1
          beyond += 1
          ratio = nonFinite == 1 ? .greatestFiniteMagnitude : 0
        } else {
          let error = abs(a - e)
          let allowance = atol + rtol * max(abs(e), rms)
          if error > allowance { beyond += 1 }
          ratio = error == 0 ? 0 : error / allowance
          greatestAbsolute = max(greatestAbsolute, error)
          if error > 0 { greatestRelative = max(greatestRelative, error / abs(e)) }
          errorSquares += error * error
        }
        if ratio > worstRatio { (worstRatio, worstIndex) = (ratio, index) }
      }
    }
  }

  @Test(arguments: 0..<40)
  func agreesWithTheOracle(seed: Int) throws {
    var generator = SplitMix(seed: UInt64(seed))
    let count = Int.random(in: 1...300, using: &generator)
    let hasSpecials = seed % 4 == 0
    var expected = (0..<count).map { _ in Float.random(in: -2...2, using: &generator) }
    var actual = expected.map { value in
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: value
      case 1: value.nextUp
      default: value + Float.random(in: -1e-4...1e-4, using: &generator)
      }
    }
    if hasSpecials {
      for _ in 0..<5 {
        expected[Int.random(in: 0..<count, using: &generator)] =
          [.nan, .infinity, 0].randomElement(using: &generator) ?? 0
        actual[Int.random(in: 0..<count, using: &generator)] =
          [.nan, -.infinity, -0.0].randomElement(using: &generator) ?? 0
      }
    }
    let (rtol, atol) = (2e-5, seed % 3 == 0 ? 1e-6 : 0)
    let oracle = Oracle(expected, actual, rtol: rtol, atol: atol)
    let result = try #require(compare(expected, actual, Limits(rtol: rtol, atol: atol)))
    let note: Comment = "seed \(seed), \(count) elements"
    #expect(result.elementCount == count, note)
    #expect(result.differing == oracle.differing, note)
    #expect(result.beyond == oracle.beyond, note)
    #expect(result.nonFiniteMismatches == oracle.nonFinite, note)
    #expect(result.worst?.index == oracle.worstIndex, note)
    #expect(result.greatestAbsoluteError == oracle.greatestAbsolute, note)
    #expect(result.greatestRelativeError == oracle.greatestRelative, note)
    let finiteCount = Double(count - result.nonFiniteMismatches - result.nanPairs)
    let rms = finiteCount > 0 ? (oracle.errorSquares / finiteCount).squareRoot() : 0
    #expect(abs(result.errorRMS - rms) <= 1e-12, note)
  }

  /// The smallest tolerances that are named do pass, and a little less does not.
  @Test(arguments: 0..<40)
  func smallestTolerancesAreTight(seed: Int) throws {
    var generator = SplitMix(seed: UInt64(seed) &+ 1000)
    let count = Int.random(in: 1...100, using: &generator)
    let expected = (0..<count).map { _ in Float.random(in: -2...2, using: &generator) }
    let actual = expected.map { $0 + Float.random(in: -1e-3...1e-3, using: &generator) }
    let given = Limits(rtol: 1e-6, atol: Double.random(in: 0...1e-3, using: &generator), ulp: seed % 5 == 0 ? 20 : nil)
    let result = try #require(compare(expected, actual, given))
    let rtol = try #require(result.smallestRtol)
    let atol = try #require(result.smallestAtol)
    func passes(_ limits: Limits) throws -> Bool { try #require(compare(expected, actual, limits)).passes }
    let note: Comment = "seed \(seed)"
    #expect(try passes(Limits(rtol: rtol, atol: given.atol, ulp: given.ulp)), note)
    #expect(try passes(Limits(rtol: given.rtol, atol: atol, ulp: given.ulp)), note)
    if rtol > 0 { #expect(try !passes(Limits(rtol: rtol * (1 - 1e-9), atol: given.atol, ulp: given.ulp)), note) }
    if atol > 0 { #expect(try !passes(Limits(rtol: given.rtol, atol: atol * (1 - 1e-9), ulp: given.ulp)), note) }
  }

  @Test func noToleranceHelpsAgainstNaN() throws {
    let result = try #require(compare([1, .nan] as [Float], [1.5, 2], Limits(rtol: 0.1, atol: 0)))
    #expect(result.smallestRtol == nil)
    #expect(result.smallestAtol == nil)
    #expect(result.worst?.index == 1)
    #expect(result.worst?.isBeyond == true)
    #expect(result.beyond == 2)
  }

  /// NaN is the worst element even after an infinite ratio, and the first of several.
  @Test func theWorstElement() throws {
    let zero = Limits(rtol: 0, atol: 0)
    #expect(try #require(compare([1, 1, 1] as [Float], [2, 9, .nan], zero)).worst?.index == 2)
    #expect(try #require(compare([1, .nan, 1] as [Float], [2, 9, .nan], zero)).worst?.index == 1)
    #expect(try #require(compare([1, 1, 1] as [Float], [2, 9, 3], zero)).worst?.index == 1)
    // By the ratio, not by the absolute error: 1 of 100 is less than 0.5 of 1 would be if rms were not the larger.
    let relative = Limits(rtol: 1e-3, atol: 0)
    #expect(try #require(compare([1000, 1] as [Float], [1002, 1], relative)).worst?.index == 0)
    #expect(try #require(compare([0, 0] as [Float], [0, 1e-20], relative)).smallestRtol == nil)
  }

  @Test func shapesMustBeEqual() {
    let flat = SyntheticTrace.Record([1, 2, 3, 4] as [Float])
    let square = SyntheticTrace.Record([1, 2, 3, 4] as [Float], shape: [2, 2])
    #expect(compare(flat, square, Limits(rtol: 1, atol: 1)) == nil)
    #expect(compare(square, square, Limits(rtol: 1, atol: 1))?.isIdentical == true)
  }

  @Test func emptyAndIdentical() throws {
    let empty = try #require(compare([] as [Float], [], Limits(rtol: 0, atol: 0)))
    #expect(empty.isIdentical && empty.passes && empty.elementCount == 0)
    let same = try #require(compare([.nan, .infinity, 1] as [Float], [.nan, .infinity, 1], Limits(rtol: 0, atol: 0)))
    #expect(same.isIdentical && same.worst == nil)
    #expect(same.expected.nanCount == 1 && same.expected.infinityCount == 1)
  }

  /// A different dtype is a difference, and under --exact a divergence, even where all values agree.
  @Test func aDifferentDtypeIsADifference() throws {
    let first = SyntheticTrace.Record([1, 2] as [Float])
    let second = SyntheticTrace.Record([1, 2] as [Double])
    let result = try #require(compare(first, second, Limits(rtol: 0, atol: 0)))
    #expect(!result.isIdentical && result.differing == 0 && result.passes)
    let exact = try #require(compare(first, second, Tolerance.exact.limits(for: .site(.logits))))
    #expect(exact.beyond == 2 && exact.differing == 2 && exact.worst?.index == 0)
    #expect(result.isEqualInOtherType && !exact.isEqualInOtherType)
  }

  /// An error that overflows exceeds every allowance, one that overflows too included.
  @Test func errorsThatOverflow() throws {
    let huge = Double.greatestFiniteMagnitude
    let result = try #require(compare([1, huge, 1], [1.5, -huge, 1], Limits(rtol: 1, atol: huge)))
    #expect(result.beyond == 1 && result.worst?.index == 1 && result.worst?.ratio == .infinity)
    #expect(result.smallestRtol == nil && result.smallestAtol == nil)
    let wide = try #require(compare([huge, 1], [-huge, 9], Limits(rtol: 1e300, atol: 0)))
    #expect(wide.worst?.index == 0 && wide.smallestAtol == nil)
  }
}
