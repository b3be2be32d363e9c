import TestSupport
import Testing
import TraceFormat
import VectorKernels

@testable import Explanation

/// A record that is judged many elements at once is judged as element by element.
@Suite struct BulkJudgementTests {
  private static let seed: UInt64 = 31_337

  /// Element by element.
  private func plain(_ actual: [Float], _ estimate: Estimate) -> Judgement {
    var result = Judgement(count: actual.count)
    for i in actual.indices {
      let element = Judgement.Element(Double(actual[i]), estimate.values[i], estimate.error(i), .float32)
      if !element.passes { result.faulty += 1 }
      if element.isUnbounded { result.unbounded += 1 }
      if element.ratio > result.ratio || i == 0 {
        (result.ratio, result.index) = (element.ratio, i)
        (result.expected, result.actual, result.bound) = (estimate.values[i], Double(actual[i]), element.bound)
      }
    }
    return result
  }

  private func isSame(_ left: Judgement, _ right: Judgement) -> Bool {
    left.ratio == right.ratio && left.index == right.index && left.faulty == right.faulty
      && left.unbounded == right.unbounded && left.count == right.count
      && left.expected.bitPattern == right.expected.bitPattern && left.actual.bitPattern == right.actual.bitPattern
      && left.bound.bitPattern == right.bound.bitPattern
  }

  private func check(_ actual: [Float], _ estimate: Estimate, _ what: String) throws {
    let expected = plain(actual, estimate)
    let shape = try #require(TensorShape([actual.count]))
    let record = RecordView(
      key: RecordKey(.logits, layer: nil, position: 0), elementType: .float32, shape: shape,
      payload: actual.span.bytes)
    for unit in VectorUnit.available {
      let whole = Judgement(record, values: estimate.values.span, errors: estimate.errors.span, unit: unit)
      #expect(isSame(whole, expected), "\(unit.name), \(what)")
      var parts = Judgement(count: actual.count)
      let middle = actual.count / 3
      for part in [0..<middle, middle..<actual.count] {
        parts.take(
          record, from: part.lowerBound, values: estimate.values.span.extracting(part),
          errors: estimate.errors.span.extracting(part), unit: unit)
      }
      #expect(isSame(parts, expected), "\(unit.name) in parts, \(what)")
    }
  }

  /// Rounding alone, and one element that is not, at every place.
  @Test(arguments: [1, 7, 8, 9, 16, 29])
  func everyPlace(count: Int) throws {
    var inputs = Inputs(seed: Self.seed)
    let values = inputs.vector(.random, count)
    let estimate = Estimate(values, errors: values.map { 1e-6 * abs($0) + 1e-30 })
    let honest = values.map { Float($0 * (1 + 9e-7 * inputs.uniform(-1...1))) }
    try check(honest, estimate, "\(count) honest elements, seed \(Self.seed)")
    for place in 0..<count {
      for wrong in [honest[place] * 1.00001, -honest[place], .nan, .infinity, -.infinity] {
        var actual = honest
        actual[place] = wrong
        try check(actual, estimate, "\(wrong) at \(place) of \(count), seed \(Self.seed)")
      }
      for (value, error) in [(Double.nan, 0.0), (.infinity, 1), (values[place], .infinity), (values[place], 0)] {
        var other = estimate
        (other.values[place], other.errors[place]) = (value, error)
        try check(honest, other, "\(value) +- \(error) at \(place) of \(count), seed \(Self.seed)")
      }
    }
  }

  /// Everything mixed; equal ratios, the first of which counts.
  @Test func mixtures() throws {
    var inputs = Inputs(seed: Self.seed)
    for round in 0..<200 {
      let count = inputs.integer(1...70)
      let values = (0..<count).map { _ in [0.5, 1, 2, -4][inputs.integer(0...3)] }
      let errors = values.map { _ in [0, 0x1p-20, 0x1p-18, 1, .infinity][inputs.integer(0...(round % 5))] }
      let actual = values.map { Float($0) + [0, 0x1p-21, -0x1p-20, 0x1p-19][inputs.integer(0...3)] }
      try check(actual, Estimate(values, errors: errors), "round \(round), seed \(Self.seed)")
    }
  }
}
