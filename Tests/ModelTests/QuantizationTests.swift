import Model
import Testing
import TestSupport

/// What C leaves undefined is defined, and what it defines is kept.
@Suite struct QuantizationTests {
  static let groups: [([Float], [Int8])] = [
    ([1, -2, 0.5, 127], [1, -2, 1, 127]),
    ([0, 0, 0, 0], [0, 0, 0, 0]),
    ([.nan, 127, 1, -1], [0, 127, 1, -1]),
    ([.infinity, 1, -1, 0], [0, 0, 0, 0]),
    ([.nan, .nan, .nan, .nan], [0, 0, 0, 0]),
  ]

  @Test(arguments: groups)
  func groupsOfFour(x: [Float], expected: [Int8]) {
    var values = [Int8](repeating: 99, count: 4)
    var scales: [Float] = [99]
    var valueSpan = values.mutableSpan
    var scaleSpan = scales.mutableSpan
    quantize(&valueSpan, &scaleSpan, x.span, groupSize: 4)
    #expect(values == expected)
  }

  @Test func subnormalScalesSaturate() {
    // max / 127 rounds down to the smallest subnormal, so that max / scale is far above 127.
    let x: [Float] = [0x1p-149 * 180, -0x1p-149 * 180]
    var values = [Int8](repeating: 0, count: 2)
    var scales: [Float] = [0]
    var valueSpan = values.mutableSpan
    var scaleSpan = scales.mutableSpan
    quantize(&valueSpan, &scaleSpan, x.span, groupSize: 2)
    #expect(scales == [0x1p-149])
    #expect(values == [127, -128])
  }

  @Test func valuesAfterTheLastWholeGroupAreZero() {
    let x: [Float] = [1, 2, 3, 4, 5]
    var values = [Int8](repeating: 99, count: 5)
    var scales: [Float] = [0, 0]
    var valueSpan = values.mutableSpan
    var scaleSpan = scales.mutableSpan
    quantize(&valueSpan, &scaleSpan, x.span, groupSize: 2)
    #expect(values == [64, 127, 95, 127, 0])
  }
}
