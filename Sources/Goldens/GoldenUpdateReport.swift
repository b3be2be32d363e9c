import TraceComparison
import TraceFormat

/// What an update did, for people.
package struct GoldenUpdateReport {
  private let update: GoldenUpdate
  private let report: GoldenReport
  private let goldenPath: String
  private let old: Golden

  /// A report.
  ///
  /// - Parameters:
  ///   - old: the golden as it was.
  ///   - goldenPath: the golden, as it was named.
  ///   - actualPath: the trace, as it was named.
  package init(_ update: GoldenUpdate, of old: Golden, goldenPath: String, actualPath: String) {
    self.update = update
    self.old = old
    self.goldenPath = goldenPath
    report = GoldenReport(update.verdict, goldenPath: goldenPath, actualPath: actualPath)
  }

  /// What happened, in one line.
  package var headline: String {
    let verdict = update.verdict
    guard update.isChanged else {
      let records = count(verdict.comparedRecords, "record")
      return "unchanged: identical, \(records); \(visibleText(goldenPath.utf8)) is left as it is"
    }
    let lines = "\(update.changedLines) of \(count(update.lineCount, "line")) written anew, \(update.removedLines) gone"
    guard verdict.headers.conflicts.isEmpty else { return "updated: another model; \(lines)" }
    let parting = verdict.tokensPart.map { " before the tokens part at position \($0.position)" } ?? ""
    return "updated: \(Self.records(verdict))\(parting); \(lines)"
  }

  /// What became of the records, up to where the tokens part.
  private static func records(_ verdict: GoldenVerdict) -> String {
    let moved = verdict.differingRecords + verdict.equalInOtherTypeRecords
    let counts = [
      (verdict.shapeMismatches.count, "of another shape"), (verdict.unmatched.expected.count, "gone"),
      (verdict.unmatched.actual.count, "new"),
    ]
    let others = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    guard moved > 0 else { return (["no record moved"] + others).joined(separator: ", ") }
    let records = "\(moved) of \(count(verdict.comparedRecords, "record")) moved"
    return ([records, "\(verdict.divergentRecords) beyond tolerance"] + others).joined(separator: ", ")
  }

  /// The whole report; its first line is the headline.
  package var text: String {
    GoldenReport.join([[headline], report.overview, report.movements, headerChanges] + report.verdict.remarks.sections)
  }

  /// Fields of the header that changed.
  private var headerChanges: [String] {
    let (before, after) = (Golden.fields(old.header), Golden.fields(update.golden.header))
    let gone = before.filter { !after.contains($0) }.map { "  - \($0)" }
    let new = after.filter { !before.contains($0) }.map { "  + \($0)" }
    return gone.isEmpty && new.isEmpty ? [] : ["Fields"] + gone + new
  }
}
