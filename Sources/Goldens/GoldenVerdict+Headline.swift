package import TraceComparison
import TraceFormat

extension GoldenVerdict {
  /// The verdict in one line, as the report's first and as standard error's for exit status 2.
  package var headline: String { "\(outcome.words): \(reason)" }

  /// What the two sides are called.
  package static let names = BySide("the golden", "the trace")

  /// What is to be said beside the findings.
  package var remarks: Remarks {
    Remarks(
      names: Self.names, unmatched: unmatched, comparesCommonOnly: comparesCommonOnly,
      shapeMismatches: shapeMismatches, problems: problems, notes: headers.notes + notes)
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
    return remarks.problem ?? remarks.shapeMismatch ?? remarks.lack ?? ""
  }

  private var emptyReason: String {
    let remarks = remarks
    if let problem = remarks.problem { return problem }
    if let tokensPart, comparedRecords == 0 {
      let asked = filter.isEverything ? "" : " that was asked for"
      return "the tokens part at position \(tokensPart.position), before the first tensor\(asked)"
    }
    if comparedRecords > 0 { return "no record that both have holds an element" }
    if let shapeMismatch = remarks.shapeMismatch { return shapeMismatch }
    if remarks.lack != nil { return "golden and trace have no tensor in common" }
    return
      "neither side holds a tensor that was asked for; the golden holds \(held.expected); "
      + "the trace holds \(held.actual)"
  }
}
