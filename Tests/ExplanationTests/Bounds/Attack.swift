import Foundation
import Testing
import TraceFormat

@testable import Explanation

/// The largest ratios of error to bound that honest implementations reach, by variant; every ratio above 1 is a
/// failure.
struct Attack {
  private let operation: String
  private let seed: UInt64
  private var ratios: [(variant: String, ratio: Double)] = []
  private var cases = 0

  init(_ operation: String, seed: UInt64) {
    self.operation = operation
    self.seed = seed
  }

  /// Judges a result that is honest. It has every element of the estimate, or else what is lacking would pass.
  mutating func take(_ variant: String, _ note: @autoclosure () -> String, _ actual: [Double], _ estimate: Estimate) {
    cases += 1
    #expect(!actual.isEmpty && actual.count == estimate.values.count, "\(operation), \(variant), \(note())")
    let judged = Verdict(actual, estimate)
    if let place = ratios.firstIndex(where: { $0.variant == variant }) {
      ratios[place].ratio = max(ratios[place].ratio, judged.ratio)
    } else {
      ratios.append((variant, judged.ratio))
    }
    #expect(
      judged.passes,
      """
      \(operation), \(variant), \(note()), seed \(seed), element \(judged.index): \(actual[judged.index]) against \
      \(estimate.values[judged.index]), bound \(estimate.error(judged.index)), ratio \(judged.ratio)
      """)
  }

  /// Prints the table. A bound that nothing comes near proves nothing, and neither does an attack that was not made.
  func finish() {
    #expect(ratios.contains { $0.ratio > 0.01 }, "\(operation): \(cases) cases, seed \(seed)")
    let sorted = ratios.sorted { $0.ratio > $1.ratio }.map { "\($0.variant) \(text($0.ratio))" }
    print("\(operation): \(cases) cases, seed \(seed): \(sorted.joined(separator: ", "))")
  }

  private func text(_ ratio: Double) -> String { String(format: "%.3f", ratio) }
}

/// How a result compares with an estimate.
struct Verdict {
  private(set) var passes = true
  private(set) var ratio = -1.0
  private(set) var index = 0

  init(_ actual: [Double], _ estimate: Estimate, _ type: ElementType = .float32) {
    for i in actual.indices {
      let element = Judgement.Element(actual[i], estimate.values[i], estimate.error(i), type)
      if !element.passes { passes = false }
      if element.ratio > ratio || element.ratio.isNaN { (ratio, index) = (element.ratio, i) }
    }
    ratio = max(ratio, 0)
  }
}
