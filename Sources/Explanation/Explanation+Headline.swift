import TraceComparison
import TraceFormat

extension Explanation {
  /// The verdict in one line.
  package var headline: String {
    let unchecked = unchecked.isEmpty ? "" : "; not checked: \(uncheckedText)"
    let constants = constants.isEmpty ? "" : ", judged by the trace's own \(constants.joined(separator: " and "))"
    switch verdict {
    case .rounding:
      let worst =
        worst.map { "; the largest error is \(ExplanationReport.ratio($0.judgement.ratio)) of its bound" } ?? ""
      let records = checkedRecords == 1 ? "the 1 checked record is" : "all \(checkedRecords) checked records are"
      return "rounding: \(records) explained by float32 rounding\(constants)\(worst)\(unchecked)"
    case .precision:
      let first = faults[0]
      let more = moreText(faults.count - 1)
      return "precision: \(first.site.rawValue) is explained by \(first.precision ?? "")\(more)\(constants)\(unchecked)"
    case .fault:
      let first = faults.first { $0.precision == nil } ?? faults[0]
      let what = first.causes.first?.title ?? "no known mistake reproduces it"
      let place = ExplanationReport.place(first.first.key)
      return
        "fault: \(first.site.rawValue), first at \(place): \(what)\(moreText(faults.count - 1))\(constants)\(unchecked)"
    case .unchecked:
      if let problem = problems.entries.first, checkedRecords > 0 {
        return "unchecked: \(problem); what could be checked is explained by rounding\(unchecked)"
      }
      let reason =
        problems.entries.first ?? self.unchecked.first.map { "\($0.first): \($0.reason)" }
        ?? "the trace holds no records"
      return "unchecked: no record could be checked: \(reason)"
    }
  }

  /// How much could not be checked.
  var uncheckedText: String {
    let elements = unchecked.reduce(0) { $0 + ($1.elements ?? 0) }
    var parts: [String] = []
    if uncheckedRecords > 0 { parts.append(count(uncheckedRecords, "record")) }
    if elements > 0 { parts.append("\(count(elements, "element")) of checked records") }
    return parts.joined(separator: " and ")
  }

  private func moreText(_ number: Int) -> String {
    number == 0 ? "" : " (and \(count(number, "more operation")))"
  }
}
