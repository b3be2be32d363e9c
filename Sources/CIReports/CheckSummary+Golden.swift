package import Goldens
import TraceComparison
import TraceFormat

extension CheckSummary {
  /// The summary of a check against a golden.
  ///
  /// - Parameter subject: the golden and the trace, as they were named.
  package init(_ verdict: GoldenVerdict, tool: String, subject: String) {
    var cases: [Case] = []
    if !verdict.headers.conflicts.isEmpty {
      cases.append(
        Case(
          name: "model", title: "sizes", status: .error, message: "the models differ",
          detail: verdict.headers.conflicts.joined(separator: "\n")))
    }
    if let first = verdict.problems.entries.first {
      let more = verdict.problems.count > verdict.problems.entries.count ? ["..."] : []
      cases.append(
        Case(
          name: "actual", title: "trace", status: .error, message: first.message,
          detail: (verdict.problems.entries.map(\.message) + more).joined(separator: "\n")))
    }
    cases += Self.unmatched(verdict.unmatched.expected, "only the golden has", verdict)
    cases += Self.unmatched(verdict.unmatched.actual, "only the trace has", verdict)
    cases += verdict.shapeMismatches.entries.map { mismatch in
      Case(
        name: mismatch.key.name.text, title: "shape at \(mismatch.key)", status: .error,
        message: "shapes differ: expected \(mismatch.expected), actual \(mismatch.actual)")
    }
    cases += verdict.cases.map(Self.value)
    if let parting = verdict.tokensPart {
      let (expected, actual) = (parting.expected?.description ?? "ended", parting.actual?.description ?? "ended")
      cases.append(
        Case(
          name: "tokens", title: "all positions", status: .failed,
          message: "the tokens part at position \(parting.position): expected \(expected), actual \(actual)"))
    }
    self.init(
      tool: tool, subject: subject, outcome: verdict.outcome.rawValue, headline: verdict.headline,
      exitStatus: verdict.exitStatus, cases: cases)
  }

  private static func unmatched(
    _ records: UnmatchedRecords, _ holder: String, _ verdict: GoldenVerdict
  ) -> [Case] {
    records.groups.map { group in
      Case(
        name: group.first.key.name.text, title: "\(holder) \(group.first.key)",
        status: verdict.comparesCommonOnly ? .skipped : .error,
        message: "\(holder) \(group) (\(group.first.explanation))")
    }
  }

  private static func value(_ found: GoldenCase) -> Case {
    let records = TraceComparison.count(found.recordCount, "record")
    guard let first = found.firstDivergence else {
      let message =
        found.worst.map { worst in
          "\(records): \(found.differingRecords) differ, greatest error \(worst.errorText) at position "
            + "\(worst.key.position)"
        } ?? "\(records): identical"
      let status: Status = found.recordCount > 0 ? .passed : .skipped
      return Case(name: found.name.text, layer: found.layer, status: status, message: message, detail: message)
    }
    let message =
      "\(found.divergentRecords) of \(records) beyond tolerance, first at position \(first.key.position)"
    return Case(
      name: found.name.text, layer: found.layer, status: .failed, message: message,
      detail: "first beyond tolerance: \(first.key)\nestimated error: \(first.errorText)")
  }
}

extension GoldenFinding {
  /// The estimated error against what it may be.
  fileprivate var errorText: String {
    guard !comparison.hasNonFiniteMismatch else { return "NaN or infinity against something else" }
    return "rms \(NumberText.rounded(comparison.error, digits: 3)), allowed "
      + NumberText.rounded(comparison.allowance, digits: 3)
  }
}
