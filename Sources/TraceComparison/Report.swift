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
    sections.append(contentsOf: [verdict.isStopped ? [] : travel] + verdict.remarks.sections)
    return sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private var overview: [String] {
    var lines = [
      "expected   \(visibleText(expectedPath.utf8)): \(visibleText(verdict.producers.expected.utf8))",
      "actual     \(visibleText(actualPath.utf8)): \(visibleText(verdict.producers.actual.utf8))",
    ]
    lines += verdict.headers.conflicts.map { "differs    \($0)" }
    guard verdict.headers.conflicts.isEmpty else { return lines }
    lines.append(
      "compared   \(count(verdict.comparedRecords, "record")), \(count(verdict.comparedElements, "element")); "
        + "\(verdict.differingRecords) differ, \(verdict.divergentRecords) beyond tolerance"
        + (verdict.equalInOtherTypeRecords > 0
          ? ", \(verdict.equalInOtherTypeRecords) equal in value but of another dtype" : ""))
    if verdict.isStopped {
      let place = verdict.firstDivergence == nil ? "where the tokens part" : "at the first record beyond tolerance"
      lines.append("stopped    \(place), as --first asks; what comes after it was not compared")
    }
    if let parting = verdict.tokensPart {
      lines.append(
        "tokens     part at position \(parting.position): expected \(Self.describe(parting.expected)), "
          + "actual \(Self.describe(parting.actual)); compared up to there")
    }
    lines.append("tolerance  \(verdict.tolerance)")
    if verdict.tolerance.usesInequality { lines.append("           \(Tolerance.inequality)") }
    if let flip = verdict.tokenFlip {
      lines.append(
        "greedy     position \(flip.position) would choose token \(flip.actual) instead of \(flip.expected), "
          + "which leads by \(NumberText.rounded(flip.margin, digits: 3))")
    }
    return lines
  }

  private static func describe(_ token: TraceToken?) -> String { token?.description ?? "ended" }

  /// The blocks about single records: the first difference, the first divergence, or the nearest to the limit.
  private var findings: [[String]] {
    var blocks: [[String]] = []
    let (difference, divergence) = (verdict.firstDifference, verdict.firstDivergence)
    if let difference, difference.key != divergence?.key {
      let isEqual = difference.comparison.isEqualInOtherType
      let title = isEqual ? "First of another dtype, equal in value" : "First bitwise difference"
      blocks.append(["\(title): \(difference.key)"] + describe(difference))
    }
    if let divergence {
      let isBoth = difference?.key == divergence.key
      let title = isBoth ? "First bitwise difference, and first beyond tolerance" : "First beyond tolerance"
      blocks.append(["\(title): \(divergence.key)"] + describe(divergence))
    }
    guard divergence == nil, let worst = verdict.worst else { return blocks }
    var lines = ["Nearest to the limit: \(worst.key)"]
    if worst.key != difference?.key { lines += describe(worst) }
    if let element = worst.comparison.worst, !element.isNonFinite {
      let ratio = NumberText.rounded(worst.comparison.ratio * 100, digits: 3, up: true)
      lines.append("  used        \(ratio)% of the allowance")
    }
    let tolerance = verdict.tolerance
    if let text = tolerance.tighter(smallestRtol: verdict.smallestRtol, smallestUlp: verdict.smallestUlp) {
      lines.append("  would pass  \(text)")
    }
    if let warning = tolerance.warning { lines.append("  advice      \(warning)") }
    if lines.count > 1 { blocks.append(lines) }
    return blocks
  }

  /// The lines about a record: its worst element, what was allowed, and how many elements are beyond it.
  package func describe(_ finding: Finding) -> [String] {
    let result = finding.comparison
    let isMixed = finding.expectedType != finding.actualType
    let types =
      isMixed ? "\(finding.expectedType.name) against \(finding.actualType.name)" : finding.expectedType.name
    let meaning = finding.key.name.site.map { ", \($0.meaning)" } ?? ""
    var lines = ["  tensor      \(finding.shape) \(types)\(meaning)"]
    if finding.token != nil { lines.append("  token       \(Self.describe(finding.token))") }
    if let worst = result.worst { lines += describe(worst, in: finding) }
    let share = result.elementCount > 0 ? Double(result.beyond) / Double(result.elementCount) * 100 : 0
    lines.append(
      "  mismatched  Mismatched elements: \(result.beyond) / \(result.elementCount) "
        + "(\(NumberText.rounded(share, digits: 3))%); \(result.differing) "
        + (isMixed && !result.limits.isExact ? "differ in value" : "differ bitwise"))
    if !result.expected.isFinite || !result.actual.isFinite {
      lines.append(
        "  non-finite  expected holds \(Self.nonFinite(result.expected)), actual \(Self.nonFinite(result.actual))")
    }
    if !result.passes { lines.append("  would pass  \(verdict.tolerance.remedy(result, name: finding.key.name))") }
    return lines
  }

  private func describe(_ worst: ElementDifference, in finding: Finding) -> [String] {
    var place = "[" + finding.index.map(String.init).joined(separator: ", ") + "]"
    if let head = finding.head, let element = finding.headElement {
      let isAttention = finding.key.name.site?.shape == .headsByPositions
      place += ": head \(head), \(isAttention ? "position" : "element") \(element)"
    }
    return [
      "  worst       element \(place)",
      "  expected    \(NumberText.exact(worst.expected, finding.expectedType))",
      "  actual      \(NumberText.exact(worst.actual, finding.actualType))",
      "  error       \(error(worst, in: finding))",
    ] + (allowance(worst, in: finding).map { ["  allowance   \($0)"] } ?? [])
  }

  private static func short(_ value: Double) -> String { NumberText.rounded(value, digits: 3) }

  private func error(_ worst: ElementDifference, in finding: Finding) -> String {
    if worst.expected.isNaN && worst.actual.isNaN { return "none: both are NaN" }
    if worst.isNonFinite { return "not a number: NaN or infinity stands against something else" }
    let (expected, actual) = (finding.expectedType, finding.actualType)
    // Between formats the coarser one's steps are counted, which must be said: 0 of them can be a difference.
    let unit = expected == actual ? "ulp" : "ulp of \(ElementType.narrower(expected, actual).name)"
    let ulps = worst.ulpError.map { ", \($0) \(unit)" } ?? ""
    return "absolute \(Self.short(worst.absoluteError)), relative \(Self.short(worst.relativeError))\(ulps)"
  }

  /// What was allowed; nil where there is nothing to say.
  private func allowance(_ worst: ElementDifference, in finding: Finding) -> String? {
    let limits = finding.comparison.limits
    if limits.isExact {
      if finding.expectedType != finding.actualType {
        return "none: --exact asks for equal bits, which different dtypes never have"
      }
      let areNaN = worst.expected.isNaN && worst.actual.isNaN
      return areNaN ? "none: --exact asks for equal bits, and those of these NaN differ" : nil
    }
    if worst.isNonFinite { return worst.isBeyond ? "none: NaN and infinity pass only against the same" : nil }
    if let ulp = limits.ulp, limits.rtol == 0, limits.atol == 0 { return "\(ulp) ulp" }
    return "\(Self.short(worst.allowance)) = \(NumberText.plain(limits.atol)) + \(NumberText.plain(limits.rtol))"
      + " * max(\(Self.short(abs(worst.expected))), rms \(Self.short(finding.comparison.expected.rms)))"
      + (limits.ulp.map { ", or \($0) ulp" } ?? "")
  }

  private static func nonFinite(_ summary: PayloadSummary) -> String {
    "\(summary.nanCount) NaN and \(summary.infinityCount) infinite"
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
