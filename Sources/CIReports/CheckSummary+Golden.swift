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
    cases += Self.problems(verdict)
    cases += verdict.cases.map { Self.value($0, verdict) }
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

  /// What is wrong with the trace as a whole; records that cannot be read are told by their own cases.
  private static func problems(_ verdict: GoldenVerdict) -> [Case] {
    let ofRecords = verdict.cases.compactMap(\.firstProblem)
    let own = verdict.problems.entries.filter { !ofRecords.contains($0) }
    guard let first = own.first else { return [] }
    let more = verdict.problems.count > verdict.problems.entries.count ? ["..."] : []
    return [
      Case(
        name: "actual", title: "trace", status: .error, message: first.message,
        detail: (own.map(\.message) + more).joined(separator: "\n"))
    ]
  }

  private static func value(_ found: GoldenCase, _ verdict: GoldenVerdict) -> Case {
    let (status, message) = CaseRules(
      names: GoldenVerdict.names, problem: found.firstProblem,
      shapeMismatch: found.firstShapeMismatch.map { ($0, found.shapeMismatches) },
      unmatched: found.firstUnmatched.map { ($0.side, $0.record, found.unmatchedRecords) },
      divergence: found.firstDivergence.map { ($0.key, found.divergentRecords) }, recordCount: found.recordCount,
      counts: counts(found), comparesCommonOnly: verdict.comparesCommonOnly,
      tokensPart: verdict.filter.isEverything ? verdict.tokensPart : nil
    ).judgement
    var lines = [counts(found)]
    if let finding = found.firstDivergence {
      lines += ["first beyond tolerance: \(finding.key)", "estimated error: \(finding.errorText)"]
    }
    if let (side, record) = found.firstUnmatched, status == .error {
      lines.append("only \(GoldenVerdict.names[side]) has \(record.key) (\(record.explanation))")
    }
    return Case(
      name: found.name.text, layer: found.layer, status: status, message: message,
      detail: status == .skipped ? "" : lines.joined(separator: "\n"))
  }

  private static func counts(_ found: GoldenCase) -> String {
    guard found.recordCount > 0 else { return "nothing was compared" }
    let records = TraceComparison.count(found.recordCount, "record")
    guard let worst = found.worst else { return "\(records): identical" }
    return "\(records): \(found.differingRecords) differ, greatest error \(worst.errorText) at position "
      + "\(worst.key.position)"
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
