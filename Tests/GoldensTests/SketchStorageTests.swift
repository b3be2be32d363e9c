import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import Goldens

/// How projections and root mean squares are stored, and what rounding them costs.
@Suite struct SketchStorageTests {
  /// What the steps may add to an estimate is allowed for, and is about a millionth of the root mean square, in noise
  /// form.
  @Test(arguments: 1...5 as ClosedRange<UInt64>)
  func equalValuesOfOtherBitsPass(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    for count in [1, 3, 48, 320] {
      let values = normalNumbers(count, &generator).map { Double($0) } + [0]
      let other = normalNumbers(count, &generator).map { Double($0) } + [0]
      for scale in [1, 1e-30, 1e30] {
        let expected = values.map { $0 * scale }
        var actual = expected
        actual[count] = -0.0
        let result = compare(measure(expected), measure(actual), noTolerance)
        #expect(!result.isIdentical && result.passes && result.error <= result.resolution, "seed \(seed)")
        #expect(result.resolution > 0 && result.resolution < 0.96e-6 * result.expectedRMS, "seed \(seed)")
        #expect(!compare(measure(expected), measure(actual), .exact).passes)
        #expect(!compare(measure(expected), measure(other), noTolerance).passes)
      }
    }
  }

  @Test func rootMeanSquares() {
    var generator = SplitMix(seed: 7)
    for _ in 0..<500 {
      let value =
        Double(sign: .plus, exponent: Int.random(in: -1022...1022, using: &generator), significand: 1)
        * Double.random(in: 1..<2, using: &generator)
      let scale = SketchScale(roundingUp: value)
      #expect(scale.rms >= value && scale.rms <= value * (1 + 0x1p-7) && scale.isValid)
      #expect(SketchScale(roundingUp: scale.rms) == scale)
    }
    #expect(SketchScale(roundingUp: 0).rms == 0 && SketchScale(roundingUp: 0).isValid)
    #expect(SketchScale(roundingUp: .leastNonzeroMagnitude).rms == 0x1p-1029)
    #expect(SketchScale(roundingUp: .leastNormalMagnitude).rms == .leastNormalMagnitude)
    #expect(SketchScale(roundingUp: .leastNormalMagnitude.nextDown).rms == .leastNormalMagnitude)
    let greatest = SketchScale(roundingUp: .greatestFiniteMagnitude)
    #expect(greatest.isValid && greatest.rms == 0x1.FEp1023 && greatest.rms > 0.996 * .greatestFiniteMagnitude)
    #expect(SketchScale(bits: 1).isValid && !SketchScale(bits: 0x7FF << 7).isValid)
  }

  /// The step is a millionth of the norm, from 2^-20 to 2^-19 of it.
  @Test(arguments: [1, 2, 4, 48, 64, 101, 4096])
  func steps(count: Int) throws {
    for rms in [1, 1.25, 0.7, 1e-300, 1e300] {
      let scale = SketchScale(roundingUp: rms)
      let step = try #require(scale.stepExponent(finiteCount: count, isCoarse: false))
      let norm = scale.rms * Double(count).squareRoot()
      let ratio = Double(sign: .plus, exponent: step, significand: 1) / norm
      #expect(ratio >= 0x1p-20 && ratio < 0x1p-19)
      let coarse = try #require(scale.stepExponent(finiteCount: count, isCoarse: true))
      // 2^23 steps are more than any projection of so many elements.
      let reach = Double(sign: .plus, exponent: coarse + 23, significand: 1)
      #expect(reach / norm > SketchWeights.limit * Double(count).squareRoot())
    }
    #expect(SketchScale(bits: 0).stepExponent(finiteCount: count, isCoarse: false) == nil)
  }

  /// A record that is parallel to the weights has projections far beyond those of any other; it is stored in coarse
  /// steps.
  @Test func alignedRecords() {
    let count = 1000
    let expected = (0..<count).map { SketchWeights.weights(ofElement: $0)[2] }
    let first = measure(expected)
    let sketch = Sketch(first)
    #expect(sketch.isCoarse)
    let coarse = compare(first, first)
    let root = Double(sign: .plus, exponent: Int(Double(count).squareRoot().exponent), significand: 1)
    let share = coarse.resolution / coarse.expectedRMS / root
    #expect(share > 2.28e-7 && share < 4.6e-7)
    var actual = expected
    actual[17] += 1
    let result = compare(first, measure(actual))
    let size = 1 / Double(count).squareRoot()
    #expect(!result.passes && result.error > 0.48 * size && result.error < 1.45 * size)
    actual[17] -= 1
    actual[18] = expected[18].nextUp
    let near = compare(first, measure(actual), noTolerance)
    #expect(near.passes && near.error <= near.resolution)
    #expect(Sketch(sketch.text) == sketch)
  }

  static let extremes: [[Double]] = [
    [], [0], [0, 0, 0], [1e300, -1e300, 1e308], [1e-300, .leastNonzeroMagnitude, -1e-300], [.leastNonzeroMagnitude, 0],
    [0x1p-1030, -0x1p-1034, 0x1p-1070],
    [.greatestFiniteMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude], [1e300, 1e-300],
  ]

  /// No magnitude overflows on the way, and every sketch can be written and read.
  @Test(arguments: extremes)
  func anyMagnitude(values: [Double]) {
    let record = measure(values)
    let sketch = Sketch(record)
    #expect(Sketch(sketch.text) == sketch)
    #expect(compare(record, record).passes)
    guard let place = values.indices.max(by: { abs(values[$0]) < abs(values[$1]) }) else { return }
    let first = values[place]
    var other = values
    other[place] = first == 0 ? 1 : first / 2
    let result = compare(record, measure(other), Tolerance(rtol: 1e-4, atol: 0))
    #expect(!result.error.isNaN)
    if abs(first) > 1e-307 || first == 0 { #expect(!result.passes && result.ratio > 1) }
    var negative = values
    negative[place] = -first
    if abs(first) > 1e-300 { #expect(!compare(record, measure(negative), Tolerance(rtol: 1e-4, atol: 0)).passes) }
  }

  @Test(arguments: ElementType.allCases)
  func everyFormat(type: ElementType) throws {
    var generator = SplitMix(seed: 3)
    var bytes = (0..<(64 * type.size)).map { _ in UInt8.random(in: 0...255, using: &generator) }
    // Exponents that are neither NaN nor infinite.
    if type != .int8 {
      for index in stride(from: type.size - 1, to: bytes.count, by: type.size) { bytes[index] = 0x3F }
    }
    let record = measure(SyntheticTrace.Record(type: type, shape: [64], bytes: bytes))
    let values = (0..<64).map { type.load(bytes.span.bytes, at: $0) }
    let doubles = measure(values)
    #expect(record.projections == doubles.projections && record.rms == doubles.rms)
    #expect(type == .float64 ? record.fingerprint == doubles.fingerprint : record.fingerprint != doubles.fingerprint)
    let result = SketchComparison(Sketch(record), type, doubles, Limits(rtol: 0, atol: 0))
    #expect(result.passes && result.isEqualInOtherType == (type != .float64))
    let exact = SketchComparison(Sketch(record), type, doubles, Limits(rtol: 0, atol: 0, isExact: true))
    #expect(exact.passes == (type == .float64) && !exact.isEqualInOtherType)
    var changed = bytes
    changed[3 * type.size + type.size - 1] ^= 0x80
    #expect(!compare(record, measure(SyntheticTrace.Record(type: type, shape: [64], bytes: changed))).passes)
  }

  /// The fingerprint is of format, shape and bytes.
  @Test func fingerprints() {
    let values: [Float] = [1, 2, 3, 4]
    let records = [
      SyntheticTrace.Record(values), SyntheticTrace.Record(values, shape: [2, 2]),
      SyntheticTrace.Record(values, shape: [1, 4]), SyntheticTrace.Record(values, shape: [4, 1]),
      SyntheticTrace.Record(type: .bfloat16, shape: [8], bytes: SyntheticTrace.Record(values).bytes),
      SyntheticTrace.Record([1, 2, 3, 5] as [Float]),
    ]
    #expect(Set(records.map { measure($0).fingerprint }).count == records.count)
    #expect(measure(values).fingerprint == measure(records[0]).fingerprint)
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func text(seed: UInt64) {
    var generator = SplitMix(seed: seed)
    for _ in 0..<100 {
      var values = SIMD8<Int32>(repeating: 0)
      for i in 0..<6 { values[i] = Int32.random(in: -(1 << 23)..<(1 << 23), using: &generator) }
      let scale = SketchScale(roundingUp: Double.random(in: 0...1e9, using: &generator))
      let sketch = Sketch(
        fingerprint: generator.next(), scale: scale, isNonFinite: Bool.random(using: &generator),
        isCoarse: Bool.random(using: &generator), values: values)
      #expect(sketch.text.utf8.count == Sketch.textLength)
      #expect(Sketch(sketch.text) == sketch, "seed \(seed)")
    }
  }

  @Test(arguments: [
    "", "A", String(repeating: "A", count: 37), String(repeating: "A", count: 39), String(repeating: "-", count: 38),
    String(repeating: "A", count: 37) + "=", String(repeating: "A", count: 36) + "\u{e9}",
    String(repeating: "A", count: 11) + "///" + String(repeating: "A", count: 24),
  ])
  func textThatIsNoSketch(text: String) { #expect(Sketch(text) == nil) }
}
