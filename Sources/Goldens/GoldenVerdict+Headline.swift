package import TraceComparison
import TraceFormat

extension GoldenVerdict {
  /// The verdict in one line, as the report's first and as standard error's for exit status 2.
  package var headline: String { "\(outcome.words): \(reason)" }

  /// What the two sides are called.
  package static func name(of side: Side) -> String { side == .expected ? "the golden" : "the trace" }

  /// A problem and whose it is, in one line.
  package static func text(of problem: Verdict.Problem) -> String {
    problem.side.map { "\(name(of: $0)): \(problem.message)" } ?? problem.message
  }

  private var reason: String {
    switch outcome {
    case .identical:
      return comparedRecords == 1
        ? "the one record has the golden's bytes" : "all \(comparedRecords) records have the golden's bytes"
    case .withinTolerance:
      let verb = differingRecords == 1 ? "differs" : "differ"
      let equal = equalInOtherTypeRecords
      let other = equal > 0 ? ", \(equal) \(equal == 1 ? "is" : "are") of another dtype alone" : ""
      return "\(differingRecords) of \(count(comparedRecords, "record")) \(verb)\(other), none beyond tolerance"
    case .diverged:
      let cut = problems.isEmpty ? "" : ", in what is readable"
      if let key = firstDivergence?.key { return "\(key) is the first tensor beyond tolerance\(cut)" }
      guard let tokensPart else { return "" }
      return "the tokens part at position \(tokensPart.position); no tensor before it is beyond tolerance\(cut)"
    case .incomparable: return incomparableReason
    }
  }

  private var incomparableReason: String {
    if !headers.conflicts.isEmpty { return "the models differ: \(headers.conflicts.joined(separator: "; "))" }
    if comparedElements == 0 { return "nothing to compare: \(emptyReason)" }
    if let problem = problems.entries.first { return Self.text(of: problem) }
    if let shapeMismatchReason { return shapeMismatchReason }
    let missing = [
      Self.lacking(unmatched.expected, "the trace", "the golden"),
      Self.lacking(unmatched.actual, "the golden", "the trace"),
    ].compactMap { $0 }
    return missing.joined(separator: "; ")
  }

  private var emptyReason: String {
    if let problem = problems.entries.first { return Self.text(of: problem) }
    if let tokensPart, comparedRecords == 0 {
      let asked = filter.isEverything ? "" : " that was asked for"
      return "the tokens part at position \(tokensPart.position), before the first tensor\(asked)"
    }
    if comparedRecords > 0 { return "no record that both have holds an element" }
    if let shapeMismatchReason { return shapeMismatchReason }
    if !unmatched.expected.list.isEmpty || !unmatched.actual.list.isEmpty {
      return "golden and trace have no tensor in common"
    }
    return
      "neither side holds a tensor that was asked for; the golden holds \(held.expected); "
      + "the trace holds \(held.actual)"
  }

  private var shapeMismatchReason: String? {
    guard let first = shapeMismatches.entries.first else { return nil }
    let more = shapeMismatches.count > 1 ? " (and \(shapeMismatches.count - 1) more)" : ""
    return "shapes differ at \(first.key): expected \(first.expected), actual \(first.actual)\(more)"
  }

  private static func lacking(_ records: UnmatchedRecords, _ other: String, _ holder: String) -> String? {
    guard let first = records.list.entries.first else { return nil }
    return
      "\(other) lacks \(count(records.list.count, "record")) of \(holder), first \(first.key) (\(first.explanation))"
  }
}
