import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct ToleranceTests {
  @Test func defaultsAndOverrides() {
    #expect(Tolerance() == .default)
    #expect(Tolerance.default.rtol == 2e-4)
    #expect(Tolerance.default.atol == 1e-30)
    #expect(Tolerance(rtol: 1e-3).atol == 1e-30)
    #expect(Tolerance(atol: 1).rtol == 2e-4)
  }

  /// Given an ulp, only the limits that were asked for hold beside it.
  @Test func ulpSetsTheOthersToZero() {
    #expect(Tolerance(ulp: 3) == Tolerance(rtol: 0, atol: 0, ulp: 3))
    #expect(Tolerance(rtol: 1e-5, ulp: 3) == Tolerance(rtol: 1e-5, atol: 0, ulp: 3))
    #expect(Tolerance(ulp: 3, rtolOverrides: [.init(NamePattern("q"), 1)]).rtol == 0)
  }

  @Test(arguments: [("q.rope", 3.0), ("q.proj", 2.0), ("k.rope", 1.0), ("att.scores", 4.0)])
  func theLastMatchingOverrideCounts(name: String, rtol: Double) {
    let tolerance = Tolerance(
      rtol: 4,
      rtolOverrides: [
        .init(NamePattern("*.rope"), 1), .init(NamePattern("q"), 2), .init(NamePattern("q.rope"), 3),
      ],
      atolOverrides: [.init(NamePattern("k.*"), 9)])
    let limits = tolerance.limits(for: TensorName(name))
    #expect(limits.rtol == rtol)
    #expect(limits.atol == (name == "k.rope" ? 9 : 1e-30))
  }

  /// The documented inequality, at its edge: `atol + rtol * max(abs(expected), rms)`.
  @Test func theInequality() {
    let limits = Limits(rtol: 0.25, atol: 0.5)
    #expect(limits.allowance(expected: -8, rms: 2) == 2.5)
    #expect(limits.allowance(expected: 1, rms: 2) == 1)
    #expect(limits.accepts(error: 2.5, allowance: 2.5, ulps: 99))
    #expect(!limits.accepts(error: 2.5.nextUp, allowance: 2.5, ulps: 99))
    #expect(!limits.accepts(error: .nan, allowance: 2.5, ulps: 99))
    #expect(!limits.accepts(error: .infinity, allowance: .infinity, ulps: 99))
    #expect(Limits(rtol: 0, atol: 0, ulp: 4).accepts(error: 7, allowance: 0, ulps: 4))
    #expect(!Limits(rtol: 0, atol: 0, ulp: 4).accepts(error: 7, allowance: 0, ulps: 5))
    #expect(!Limits(rtol: 9, atol: 9, ulp: 4, isExact: true).accepts(error: 0, allowance: 9, ulps: 0))
  }

  /// An element near zero is judged by the size of its tensor.
  @Test func theAllowanceScalesWithTheTensor() throws {
    let limits = Limits(rtol: 1e-3, atol: 0)
    let large = try #require(compare([0, 100, -100] as [Float], [0.05, 100, -100], limits))
    #expect(large.passes)
    let small = try #require(compare([0, 1, -1] as [Float], [0.05, 1, -1], limits))
    #expect(small.beyond == 1)
  }

  struct Special: CustomTestStringConvertible {
    var expected: Float
    var actual: Float
    var passes: Bool
    var passesExactly: Bool
    var testDescription: String { "\(expected) against \(actual)" }
  }

  static let specials: [Special] = [
    Special(expected: .nan, actual: .nan, passes: true, passesExactly: true),
    Special(expected: .nan, actual: -.nan, passes: true, passesExactly: false),
    Special(expected: .nan, actual: 1, passes: false, passesExactly: false),
    Special(expected: 1, actual: .nan, passes: false, passesExactly: false),
    Special(expected: .nan, actual: .infinity, passes: false, passesExactly: false),
    Special(expected: .infinity, actual: .nan, passes: false, passesExactly: false),
    Special(expected: .infinity, actual: .infinity, passes: true, passesExactly: true),
    Special(expected: .infinity, actual: -.infinity, passes: false, passesExactly: false),
    Special(expected: .infinity, actual: .greatestFiniteMagnitude, passes: false, passesExactly: false),
    Special(expected: .greatestFiniteMagnitude, actual: .infinity, passes: false, passesExactly: false),
    Special(expected: -.infinity, actual: 0, passes: false, passesExactly: false),
    Special(expected: 0, actual: -0.0, passes: true, passesExactly: false),
    Special(expected: .leastNonzeroMagnitude, actual: 0, passes: true, passesExactly: false),
    Special(expected: -.leastNonzeroMagnitude, actual: .leastNonzeroMagnitude, passes: true, passesExactly: false),
    Special(expected: 1, actual: 1, passes: true, passesExactly: true),
  ]

  /// NaN and infinity are decided before any arithmetic, however wide the tolerance.
  @Test(arguments: specials)
  func specialValues(_ special: Special) throws {
    let wide = Limits(rtol: 1e30, atol: 1e300, ulp: .max)
    // A second element that always differs keeps equal bytes from deciding alone.
    for companion in [Float(1), Float(1).nextUp] {
      let result = try #require(compare([special.expected, 1], [special.actual, companion], wide))
      #expect(result.passes == special.passes)
      #expect(result.beyond == (special.passes ? 0 : 1))
      #expect(result.nonFiniteMismatches == (special.passes ? 0 : 1))
      let exact = try #require(
        compare([special.expected, 1], [special.actual, companion], Tolerance.exact.limits(for: .site(.logits))))
      #expect(exact.passes == (special.passesExactly && companion == 1))
    }
  }

  /// The same decisions in float64, between formats, and with the zero tolerance.
  @Test func specialValuesInOtherFormats() throws {
    let zero = Limits(rtol: 0, atol: 0)
    #expect(try #require(compare([Double.infinity], [Double.infinity], zero)).isIdentical)
    #expect(try #require(compare([Double.infinity], [-Double.infinity], zero)).beyond == 1)
    #expect(try #require(compare([0.0], [-0.0], zero)).passes)
    let mixed = try #require(
      compare(
        SyntheticTrace.Record([Float.infinity, .nan, -0.0, 1, .infinity]),
        SyntheticTrace.Record([Double.infinity, .nan, 0, 1, -.infinity]), zero))
    #expect(mixed.beyond == 1)
    #expect(mixed.worst?.index == 4)
    #expect(!mixed.isIdentical)
  }

  /// An infinity among the expected elements must not widen the allowance of the others.
  @Test func infinityDoesNotWidenTheAllowance() throws {
    let limits = Limits(rtol: 0.1, atol: 0)
    let result = try #require(compare([.infinity, .nan, 1, 1] as [Float], [.infinity, .nan, 2, 1], limits))
    #expect(result.expected.rms == 1)
    #expect(result.beyond == 1)
    #expect(result.worst?.index == 2)
    #expect(result.expected.nanCount == 1 && result.expected.infinityCount == 1)
  }

  /// Squares of large and small float64 must neither overflow nor vanish.
  @Test(arguments: [1e300, 1e-300, 2e-308, 1e154, 1.7e308])
  func rootMeanSquareAtTheEdges(scale: Double) throws {
    let result = try #require(compare([scale, -scale, scale], [scale, -scale, scale / 2], Limits(rtol: 0.4, atol: 0)))
    #expect(abs(result.expected.rms - scale) <= scale * 1e-3)
    #expect(result.expected.rms.isFinite)
    #expect(result.beyond == 1)
    #expect(result.errorRMS > scale * 0.2 && result.errorRMS < scale * 0.4)
    let apart = try #require(compare([1.7e308], [-1.7e308], Limits(rtol: 0.5, atol: 0)))
    #expect(apart.beyond == 1)
  }

  /// Results flushed to zero pass by the absolute floor; anything larger does not.
  @Test func theFloorForSubnormals() throws {
    let limits = Tolerance.default.limits(for: .site(.attentionWeights))
    #expect(try #require(compare([Float(1e-40)], [Float(0)], limits)).passes)
    #expect(!(try #require(compare([Float(1e-29)], [Float(0)], limits)).passes))
  }
}
