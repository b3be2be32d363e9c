import Model
import Testing
import TestSupport
import TraceFormat

/// Low precision rounds to its format, and where it says.
@Suite struct LowPrecisionTests {
  @Test(arguments: [
    (LowFormat.bfloat16, Float(1.00390625), Float(1)), (.bfloat16, 1.01171875, 1.015625), (.bfloat16, 1e38, 0x1.2cp126),
    (.tf32, 1.00048828125, 1), (.tf32, 1.00146484375, 1.001953125), (.tf32, -0x1.8p-136, -0x1p-135),
    (.float16, 65519, 65504), (.float16, 65520, .infinity), (.float16, -70000, -.infinity),
    (.float16, 0x1p-25, 0), (.float16, 0x1.8p-24, 0x1p-23), (.float16, 1.00146484375, 1.001953125),
  ])
  func numbersAreRounded(format: LowFormat, x: Float, expected: Float) {
    #expect(format.rounded(x) == expected)
    #expect(format.rounded(expected) == expected)
  }

  @Test(arguments: LowFormat.allCases)
  func whatIsNotFiniteStays(format: LowFormat) {
    #expect(format.rounded(.nan).isNaN)
    #expect(format.rounded(-.infinity) == -.infinity)
    #expect(format.rounded(-0.0).sign == .minus)
  }

  @Test(arguments: LowPrecision.allCases)
  func variantsChangeTheirSitesFirst(variant: LowPrecision) throws {
    let model = try TestModel.grouped.checkpoint()
    let expected = record(Llama2Operations<Float>(), model)
    let actual = record(LowPrecisionOperations(variant), model)
    let changed = expected.order.filter { expected.records[$0] != actual.records[$0] }
    let first = try #require(changed.first)
    #expect(first.name.site.map(variant.sites.contains) == true)
    for site in variant.sites { #expect(changed.contains { $0.name.site == site }) }
  }

  private func record<Ops: Operations>(_ operations: Ops, _ model: borrowing Checkpoint) -> Recording {
    var recording = Recording()
    var transformer = Transformer(model, operations: operations, capacity: 4, quantized: false)
    let tokens = sampleTokens(count: 4, vocabularySize: model.configuration.vocabularySize)
    for (position, token) in tokens.enumerated() {
      transformer.forward([token], at: position, model: model, observer: &recording)
    }
    return recording
  }
}
