import TraceComparison
import TraceFormat

/// A golden's verdict for people.
package struct GoldenReport {
  /// How many entries of a list are printed.
  static let listingLimit = 20
  /// What the estimate is compared with, as help and reports print it.
  package static let inequality = "rms(actual - expected) <= atol + rtol * rms(expected tensor) + resolution"

  let verdict: GoldenVerdict
  private let goldenPath: String
  private let actualPath: String

  /// A report.
  ///
  /// - Parameters:
  ///   - goldenPath: the golden, as it was named.
  ///   - actualPath: the trace, as it was named.
  package init(_ verdict: GoldenVerdict, goldenPath: String, actualPath: String) {
    self.verdict = verdict
    self.goldenPath = goldenPath
    self.actualPath = actualPath
  }

  /// The whole report; its first line is the verdict.
  package var text: String {
    Self.join([[verdict.headline], overview] + findings + [movements] + verdict.remarks.sections)
  }

  /// Sections with an empty line between them.
  static func join(_ sections: [[String]]) -> String {
    sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  /// What was compared, and how.
  var overview: [String] {
    var lines = [
      "golden     \(visibleText(goldenPath.utf8)): \(visibleText(verdict.producers.expected.utf8))",
      "actual     \(visibleText(actualPath.utf8)): \(visibleText(verdict.producers.actual.utf8))",
    ]
    lines += verdict.headers.conflicts.map { "differs    \($0)" }
    guard verdict.headers.conflicts.isEmpty else { return lines }
    lines.append(
      "compared   \(count(verdict.comparedRecords, "record")), \(count(verdict.comparedElements, "element")); "
        + "\(verdict.differingRecords) differ, \(verdict.divergentRecords) beyond tolerance"
        + (verdict.equalInOtherTypeRecords > 0 ? ", \(verdict.equalInOtherTypeRecords) of another dtype alone" : ""))
    if let parting = verdict.tokensPart {
      lines.append(
        "tokens     part at position \(parting.position): expected \(Self.describe(parting.expected)), "
          + "actual \(Self.describe(parting.actual)); compared up to there")
    }
    lines.append("tolerance  \(verdict.tolerance)")
    if !verdict.tolerance.isExact { lines.append("           \(Self.inequality)") }
    return lines
  }

  private static func describe(_ token: TraceToken?) -> String { token?.description ?? "ended" }

  /// The blocks about single records: the first difference, the first divergence, or the nearest to the limit.
  private var findings: [[String]] {
    var blocks: [[String]] = []
    let (difference, divergence) = (verdict.firstDifference, verdict.firstDivergence)
    if let difference, difference.key != divergence?.key {
      let isEqual = difference.comparison.isEqualInOtherType
      let title = isEqual ? "First of another dtype" : "First bitwise difference"
      blocks.append(["\(title): \(difference.key)"] + describe(difference))
    }
    if let divergence {
      let isBoth = difference?.key == divergence.key
      let title = isBoth ? "First bitwise difference, and first beyond tolerance" : "First beyond tolerance"
      blocks.append(["\(title): \(divergence.key)"] + describe(divergence))
    }
    if divergence == nil, let worst = verdict.worst, worst.key != difference?.key {
      blocks.append(["Nearest to the limit: \(worst.key)"] + describe(worst))
    }
    return blocks
  }

  private func describe(_ finding: GoldenFinding) -> [String] {
    let result = finding.comparison
    let types =
      finding.expectedType == finding.actualType
      ? finding.expectedType.name : "\(finding.expectedType.name) against \(finding.actualType.name)"
    let meaning = finding.key.name.site.map { ", \($0.meaning)" } ?? ""
    var lines = ["  tensor      \(finding.shape) \(types)\(meaning)"]
    if finding.token != nil { lines.append("  token       \(Self.describe(finding.token))") }
    lines.append("  rms         expected \(Self.short(result.expectedRMS)), actual \(Self.short(result.actualRMS))")
    lines.append("  error       \(Self.error(result))")
    lines.append("  allowance   \(Self.allowance(result))")
    if result.nonFinite != (0, 0) {
      lines.append(
        "  non-finite  expected holds \(result.nonFinite.expected) NaN or infinite, actual \(result.nonFinite.actual)")
    }
    return lines
  }

  private static func error(_ result: SketchComparison) -> String {
    if result.hasNonFiniteMismatch { return "not a number: NaN or infinity stands against something else" }
    if result.isEqualInOtherType { return "none that the sketch sees" }
    let parts = [
      "about \(short(result.error))", result.scaledError.map { "\(short($0)) of the rms" },
      result.ulps.map { "\(short($0)) ulp of it" }, "ratio \(short(result.ratio))",
    ]
    let below = result.error <= result.resolution ? " (below resolution)" : ""
    return parts.compactMap { $0 }.joined(separator: ", ") + below
  }

  private static func allowance(_ result: SketchComparison) -> String {
    if result.limits.isExact { return "none: --exact asks for equal bits" }
    if result.hasNonFiniteMismatch { return "none: NaN and infinity pass only against the same" }
    return
      "\(short(result.allowance)) = \(NumberText.plain(result.limits.atol)) + \(NumberText.plain(result.limits.rtol))"
      + " * rms \(short(result.expectedRMS)) + resolution \(short(result.resolution))"
  }

  static func short(_ value: Double) -> String { NumberText.rounded(value, digits: 3) }
}
