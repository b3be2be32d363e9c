import Testing
import TraceComparison
import TraceFormat

@Suite struct NumberTextTests {
  @Test(arguments: [
    (1.2345e-5, 2, "1.2e-05"), (1.25, 2, "1.3"), (9.99, 2, "10"), (0.00999, 2, "0.01"), (123456, 3, "123000"),
    (1.5e9, 3, "1.5e+09"), (-0.5, 3, "-0.5"), (0, 3, "0"), (0.00012, 3, "0.00012"), (99.96, 3, "100"),
    (1e-300, 3, "1e-300"),
  ])
  func rounds(value: Double, digits: Int, text: String) {
    #expect(NumberText.rounded(value, digits: digits) == text)
  }

  @Test(arguments: [(1.201e-5, "1.3e-05"), (1.2e-5, "1.2e-05"), (9.91, "10"), (0.2, "0.2")])
  func roundsUp(value: Double, text: String) {
    #expect(NumberText.rounded(value, digits: 2, up: true) == text)
  }

  @Test func shortestTextOfEachFormat() {
    #expect(NumberText.exact(Double(Float(0.1)), .float32) == "0.1")
    #expect(NumberText.exact(0.1, .float64) == "0.1")
    #expect(NumberText.exact(-3, .int8) == "-3")
    #expect(NumberText.exact(0.10009765625, .bfloat16) == "0.1")
    #expect(NumberText.exact(0.0999755859375, .float16) == "0.1")
    #expect(NumberText.exact(.nan, .float16) == "nan")
  }
}
