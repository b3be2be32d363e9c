package import Explanation
import TraceComparison
import TraceFormat

extension CheckSummary {
  /// The summary of an explanation.
  ///
  /// - Parameter subject: the trace and its checkpoint, as they were named.
  package init(_ explanation: Explanation, tool: String, subject: String) {
    var places: [(key: RecordKey, value: Case)] = []
    for (site, summary) in explanation.sites {
      let fault = explanation.faults.first { $0.site == site }
      for (layer, own) in summary.layers {
        let value = Self.value(site, layer, own, fault)
        places.append((RecordKey(site, layer: layer, position: 0), value))
      }
    }
    var known = Set(places.map(\.key))
    for entry in explanation.unchecked where entry.elements == nil {
      for layer in entry.layers.isEmpty ? [nil] : entry.layers.sorted().map(Optional.some) {
        let key = RecordKey(entry.name, layer: layer, position: 0)
        guard known.insert(key).inserted else { continue }
        let value = Case(
          name: entry.name.text, layer: layer, status: .skipped, message: "not checked: \(entry.reason)")
        places.append((key, value))
      }
    }
    places.sort { $0.key < $1.key }
    var cases: [Case] = []
    if let first = explanation.problems.entries.first {
      let more = explanation.problems.count > explanation.problems.entries.count ? ["..."] : []
      cases.append(
        Case(
          name: "trace", title: "file", status: .error, message: first,
          detail: (explanation.problems.entries + more).joined(separator: "\n")))
    }
    self.init(
      tool: tool, subject: subject, outcome: explanation.verdict.rawValue, headline: explanation.headline,
      exitStatus: explanation.exitStatus, cases: cases + places.map(\.value))
  }

  private static func value(
    _ site: Site, _ layer: Int?, _ summary: Explanation.LayerSummary, _ fault: Explanation.Fault?
  ) -> Case {
    let records = TraceComparison.count(summary.records, "record")
    guard let first = summary.firstFault else {
      let ratio = NumberText.rounded(summary.worst?.judgement.ratio ?? 0, digits: 3)
      let place = summary.worst.map { " at position \($0.key.position)" } ?? ""
      let message =
        "\(records), \(TraceComparison.count(summary.elements, "element")): rounding, greatest ratio to the "
        + "bound \(ratio)\(place)"
      return Case(name: site.rawValue, layer: layer, status: .passed, message: message, detail: message)
    }
    let cause = fault?.causes.first?.title ?? fault?.precision ?? "no known mistake reproduces it"
    let judgement = first.judgement
    let index = first.index.map(String.init).joined(separator: ", ")
    let lines = [
      "cause     \(cause)",
      "first     \(first.key), element [\(index)]",
      "replayed  \(NumberText.plain(judgement.expected))",
      "recorded  \(NumberText.exact(judgement.actual, first.type))",
      "ratio     \(NumberText.rounded(judgement.ratio, digits: 3)) = error / bound "
        + NumberText.rounded(judgement.bound, digits: 3),
    ]
    return Case(
      name: site.rawValue, layer: layer, status: .failed,
      message: "rounding does not explain \(summary.faulty) of \(records), first at position \(first.key.position): "
        + cause,
      detail: lines.joined(separator: "\n"))
  }
}
