package import TraceComparison
import TraceFormat

extension CheckSummary {
  /// The summary of a comparison.
  ///
  /// - Parameters:
  ///   - subject: the traces, as they were named.
  ///   - oracleProblem: why the oracle could not be used.
  package init(_ verdict: Verdict, tool: String, subject: String, oracleProblem: String? = nil) {
    let report = Report(verdict, expectedPath: "", actualPath: "")
    var cases: [Case] = []
    if !verdict.headers.conflicts.isEmpty {
      cases.append(
        Case(
          name: "model", title: "sizes", status: .error, message: "the models differ",
          detail: verdict.headers.conflicts.joined(separator: "\n")))
    }
    let sites = verdict.cases
    cases += Self.problems(verdict, sites)
    cases += sites.map { Self.value($0, verdict, report) }
    if let parting = verdict.tokensPart {
      let message =
        "the tokens part at position \(parting.position): expected \(Self.text(parting.expected)), actual "
        + Self.text(parting.actual)
      cases.append(Case(name: "tokens", title: "all positions", status: .failed, message: message))
    }
    if let oracleProblem {
      cases.append(Case(name: "oracle", title: "trace", status: .error, message: oracleProblem))
    }
    self.init(
      tool: tool, subject: subject, outcome: verdict.outcome.rawValue, headline: oracleProblem ?? verdict.headline,
      exitStatus: verdict.exitStatus(oracleProblem: oracleProblem), cases: cases)
  }

  /// The summary of a comparison that could not begin, since a trace cannot be read at all.
  ///
  /// - Parameter problems: which trace, and why; at least one.
  package init(problems: [Verdict.Problem], tool: String, subject: String) {
    let cases = problems.map { problem in
      Case(name: problem.side?.rawValue ?? "options", title: "trace", status: .error, message: problem.message)
    }
    self.init(
      tool: tool, subject: subject, outcome: Verdict.Outcome.incomparable.rawValue,
      headline: problems.first?.message ?? "a trace cannot be read", exitStatus: 2, cases: cases)
  }

  private static func text(_ token: TraceToken?) -> String { token?.description ?? "ended" }

  /// What is wrong with a trace as a whole; records that cannot be read are told by their own cases.
  private static func problems(_ verdict: Verdict, _ sites: [SiteCase]) -> [Case] {
    let ofRecords = sites.compactMap(\.firstProblem)
    return Side.allCases.compactMap { side in
      let own = verdict.problems.entries.filter { $0.side == side && !ofRecords.contains($0) }
      guard let first = own.first else { return nil }
      let more = verdict.problems.count > verdict.problems.entries.count ? ["..."] : []
      return Case(
        name: side.rawValue, title: "trace", status: .error, message: first.message,
        detail: (own.map(\.message) + more).joined(separator: "\n"))
    }
  }

  private static func value(_ site: SiteCase, _ verdict: Verdict, _ report: Report) -> Case {
    let numbers = site.numbers
    let (status, message) = CaseRules(
      names: .traces, problem: site.firstProblem,
      shapeMismatch: site.firstShapeMismatch.map { ($0, numbers.shapeMismatches) },
      unmatched: site.firstUnmatched.map { ($0.side, $0.record, numbers.unmatched) },
      divergence: site.firstDivergence.map { ($0.key, numbers.divergent) }, recordCount: numbers.records,
      counts: counts(site), comparesCommonOnly: verdict.comparesCommonOnly,
      tokensPart: verdict.filter.isEverything ? verdict.tokensPart : nil
    ).judgement
    var lines = [Self.counts(site)]
    if let finding = site.firstDivergence {
      lines += ["first beyond tolerance: \(finding.key)"] + report.describe(finding)
    }
    if let (side, record) = site.firstUnmatched, status == .error {
      lines.append("only \(side.rawValue) has \(record.key) (\(record.reason.rawValue))")
    }
    return Case(
      name: site.name.text, layer: site.layer, status: status, message: message,
      detail: status == .skipped ? "" : lines.joined(separator: "\n"))
  }

  private static func counts(_ site: SiteCase) -> String {
    let numbers = site.numbers
    guard numbers.records > 0 else { return "nothing was compared" }
    let records =
      "\(TraceComparison.count(numbers.records, "record")), \(TraceComparison.count(numbers.elements, "element"))"
    guard numbers.differing > 0 else { return "\(records): identical" }
    if numbers.nonFiniteMismatches > 0 {
      return "\(records): \(numbers.differing) differ, NaN or infinity against something else at position "
        + "\(numbers.worstPosition)"
    }
    guard numbers.worstPosition >= 0 else { return "\(records): \(numbers.differing) differ, equal in value" }
    let error = NumberText.rounded(numbers.scaledError, digits: 3)
    let ratio = NumberText.rounded(numbers.ratio, digits: 3)
    return "\(records): \(numbers.differing) differ, greatest error \(error) at position \(numbers.worstPosition), "
      + "greatest ratio to the allowance \(ratio)"
  }
}
