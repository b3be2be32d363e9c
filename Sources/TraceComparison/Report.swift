import TraceFormat

/// A verdict for people.
public struct Report {
  /// How many entries of a list are printed.
  static let listingLimit = 20

  let verdict: Verdict
  let expectedPath: String
  let actualPath: String

  /// A report.
  ///
  /// - Parameters:
  ///   - expectedPath: the expected trace, as it was named.
  ///   - actualPath: the actual trace, as it was named.
  public init(_ verdict: Verdict, expectedPath: String, actualPath: String) {
    self.verdict = verdict
    self.expectedPath = expectedPath
    self.actualPath = actualPath
  }

  /// The whole report; its first line is the verdict.
  public var text: String {
    var sections = [[verdict.headline], overview]
    sections.append(contentsOf: findings)
    sections.append(contentsOf: [travel, unmatched, shapes, problems, notes])
    return sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private var overview: [String] {
    var lines = [
      "expected   \(visibleText(expectedPath.utf8)): \(verdict.producers.expected)",
      "actual     \(visibleText(actualPath.utf8)): \(verdict.producers.actual)",
    ]
    lines += verdict.headers.conflicts.map { "differs    \($0)" }
    guard verdict.headers.conflicts.isEmpty else { return lines }
    lines.append(
      "compared   \(count(verdict.comparedRecords, "record")), \(count(verdict.comparedElements, "element")); "
        + "\(verdict.differingRecords) differ, \(verdict.divergentRecords) beyond tolerance")
    if let parting = verdict.tokensPart {
      lines.append(
        "tokens     part at position \(parting.position): expected \(Self.describe(parting.expected)), "
          + "actual \(Self.describe(parting.actual)); compared up to there")
    }
    lines.append("tolerance  \(verdict.tolerance)")
    if !verdict.tolerance.isExact { lines.append("           \(Tolerance.inequality)") }
    if let flip = verdict.tokenFlip {
      lines.append(
        "greedy     position \(flip.position) would choose token \(flip.actual) instead of \(flip.expected), "
          + "which leads by \(NumberText.rounded(flip.margin, digits: 3))")
    }
    return lines
  }

  /// As `512 " the"`.
  private static func describe(_ token: TraceToken?) -> String {
    guard let token else { return "ended" }
    return "\(token.id)" + (token.text.map { " \"\(visibleText($0, quoted: true))\"" } ?? "")
  }

  /// The blocks about single records: the first difference, the first divergence, or the nearest to the limit.
  private var findings: [[String]] {
    var blocks: [[String]] = []
    let (difference, divergence) = (verdict.firstDifference, verdict.firstDivergence)
    if let difference, difference.key != divergence?.key {
      blocks.append(["First bitwise difference: \(difference.key)"] + describe(difference))
    }
    if let divergence {
      let isBoth = difference?.key == divergence.key
      let title = isBoth ? "First bitwise difference, and first beyond tolerance" : "First beyond tolerance"
      blocks.append(["\(title): \(divergence.key)"] + describe(divergence))
    }
    guard divergence == nil, let worst = verdict.worst else { return blocks }
    var lines = ["Nearest to the limit: \(worst.key)"]
    if worst.key != difference?.key { lines += describe(worst) }
    let ratio = NumberText.rounded(worst.comparison.ratio * 100, digits: 3, up: true)
    lines.append("  used        \(ratio)% of the allowance")
    if let smallest = verdict.smallestRtol {
      lines.append("  would pass  --rtol \(NumberText.rounded(smallest, digits: 2, up: true)) everywhere")
    }
    if let advice = verdict.tolerance.advice(smallestRtol: verdict.smallestRtol) {
      lines.append("  advice      \(advice)")
    }
    blocks.append(lines)
    return blocks
  }

  private func describe(_ finding: Finding) -> [String] {
    let result = finding.comparison
    let types =
      finding.expectedType == finding.actualType
      ? finding.expectedType.name : "\(finding.expectedType.name) against \(finding.actualType.name)"
    let meaning = finding.key.name.site.map { ", \($0.meaning)" } ?? ""
    var lines = ["  tensor      \(finding.shape) \(types)\(meaning)"]
    if finding.token != nil { lines.append("  token       \(Self.describe(finding.token))") }
    if let worst = result.worst { lines += describe(worst, in: finding) }
    let share = result.elementCount > 0 ? Double(result.beyond) / Double(result.elementCount) * 100 : 0
    lines.append(
      "  mismatched  Mismatched elements: \(result.beyond) / \(result.elementCount) "
        + "(\(NumberText.rounded(share, digits: 3))%); \(result.differing) differ bitwise")
    if !result.expected.isFinite || !result.actual.isFinite {
      lines.append(
        "  non-finite  expected holds \(Self.nonFinite(result.expected)), actual \(Self.nonFinite(result.actual))")
    }
    if !result.passes { lines.append("  would pass  \(Self.remedy(result))") }
    return lines
  }

  private func describe(_ worst: ElementDifference, in finding: Finding) -> [String] {
    let result = finding.comparison
    var place = "[" + finding.index.map(String.init).joined(separator: ", ") + "]"
    if let head = finding.head, let element = finding.headElement {
      let isAttention = finding.key.name.site?.shape == .headsByPositions
      place += ": head \(head), \(isAttention ? "position" : "element") \(element)"
    }
    let ulps = worst.ulpError.map { "\($0) ulp" } ?? "no ulp distance"
    func short(_ value: Double) -> String { NumberText.rounded(value, digits: 3) }
    var lines = [
      "  worst       element \(place)",
      "  expected    \(NumberText.exact(worst.expected, finding.expectedType))",
      "  actual      \(NumberText.exact(worst.actual, finding.actualType))",
      "  error       absolute \(short(worst.absoluteError)), relative \(short(worst.relativeError)), \(ulps)",
    ]
    if worst.isNonFinite && worst.isBeyond {
      lines.append("  allowance   none: NaN and infinity pass only against the same")
    } else if !result.limits.isExact {
      let limits = result.limits
      lines.append(
        "  allowance   \(short(worst.allowance)) = \(NumberText.plain(limits.atol)) + \(NumberText.plain(limits.rtol))"
          + " * max(\(short(abs(worst.expected))), rms \(short(result.expected.rms)))"
          + (limits.ulp.map { ", or \($0) ulp" } ?? ""))
    }
    return lines
  }

  private static func nonFinite(_ summary: PayloadSummary) -> String {
    "\(summary.nanCount) NaN and \(summary.infinityCount) infinite"
  }

  private static func remedy(_ result: RecordComparison) -> String {
    if result.nonFiniteMismatches > 0 { return "no tolerance: NaN or infinity stands against something else" }
    if result.limits.isExact && result.greatestAbsoluteError == 0 { return "without --exact: the values are equal" }
    let rtol = result.smallestRtol.map { "--rtol \(NumberText.rounded($0, digits: 3, up: true))" }
    let atol = result.smallestAtol.map { "--atol \(NumberText.rounded($0, digits: 3, up: true))" }
    let options = [rtol, atol].compactMap { $0 }
    return options.isEmpty ? "no finite tolerance" : options.joined(separator: " or ")
  }

  /// One line for one record beyond tolerance, as `--all` lists them.
  public static func line(_ finding: Finding) -> String {
    let result = finding.comparison
    let worst = result.worst.map { worst in
      ", worst [\(finding.index.map(String.init).joined(separator: ", "))] "
        + "expected \(NumberText.exact(worst.expected, finding.expectedType)) "
        + "actual \(NumberText.exact(worst.actual, finding.actualType))"
    }
    return "\(finding.key): \(result.beyond) / \(result.elementCount) beyond, "
      + "ratio \(NumberText.rounded(result.ratio, digits: 3))\(worst ?? "")"
  }
}
