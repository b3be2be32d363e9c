import TraceComparison
import TraceFormat

/// An explanation for people.
package struct ExplanationReport {
  static let listingLimit = 20
  let explanation: Explanation
  private let path: String
  private let modelPath: String

  /// A report.
  package init(_ explanation: Explanation, path: String, modelPath: String) {
    self.explanation = explanation
    self.path = path
    self.modelPath = modelPath
  }

  /// The whole report; its first line is the verdict.
  package var text: String {
    var sections = [[explanation.headline], overview]
    for (number, fault) in explanation.faults.prefix(Self.listingLimit).enumerated() {
      sections.append(block(fault, number + 1))
    }
    if explanation.faults.count > Self.listingLimit {
      sections.append(["... \(count(explanation.faults.count - Self.listingLimit, "more operation"))"])
    }
    sections += [expectedSplit, flips, checked, unchecked, problems, notes]
    return sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private var overview: [String] {
    var lines = [
      "trace      \(visibleText(path.utf8)): \(visibleText(explanation.producer.utf8))",
      "model      \(visibleText(modelPath.utf8))",
      "rule       ratio = abs(recorded - replayed) / bound; up to 1 is rounding, above 1 is a fault of this operation alone",
    ]
    lines += explanation.constants.map { "judged by  the trace's own \($0)" }
    return lines
  }

  private func block(_ fault: Explanation.Fault, _ number: Int) -> [String] {
    let operation = fault.site.operation(quantized: explanation.isQuantized)
    let word = fault.precision == nil ? "Fault" : "Lower precision"
    let place = Self.place(fault.first.key)
    var lines = ["\(word) \(number): \(fault.site.rawValue) (\(operation.kind.rawValue)), first at \(place)"]
    func add(_ label: String, _ text: String) {
      lines.append("  \(label)" + String(repeating: " ", count: max(1, 12 - label.count)) + text)
    }
    let records = count(fault.records, "faulty record")
    if let cause = fault.causes.first {
      add("cause", "\(cause.title) [\(cause.id)]")
      for other in fault.causes.dropFirst() { add("or", "\(other.title) [\(other.id)]") }
      let subject = fault.causes.count > 1 ? "each reproduces" : "reproduces"
      add("evidence", "\(subject) all \(fault.records) of \(records) to within rounding")
      add("expected", operation.formula)
      if let formula = cause.formula { add("found", formula) }
    } else if let precision = fault.precision {
      add("cause", "explained by \(precision): reproduces all \(fault.records) of \(records)")
      add("expected", "float32: \(operation.formula)")
    } else {
      add("cause", "none of the known mistakes reproduces all \(records)")
      for line in fault.evidence { add("evidence", line) }
      add("expected", operation.formula)
    }
    if !fault.through.isEmpty {
      let sites = fault.through.map(\.rawValue).joined(separator: ", ")
      add("through", "\(sites): not recorded, so the fault may be in any of these instead")
    }
    add("spread", spread(fault))
    if let errors = explanation.expected?.firstFaulty[fault.site] {
      add(
        "split",
        "error \(Self.short(errors.total)) of the expected rms: \(Self.short(errors.local)) made here, "
          + "\(Self.short(errors.inherited)) inherited")
    }
    lines += first(fault.first)
    return lines
  }

  static func place(_ key: RecordKey) -> String {
    (key.layer.map { "layer \($0), " } ?? "") + "position \(key.position)"
  }

  private func spread(_ fault: Explanation.Fault) -> String {
    var parts = ["\(fault.records) of \(count(fault.checked, "checked record"))"]
    if !fault.layers.isEmpty { parts.append(Self.numbers("layer", fault.layers)) }
    parts.append(Self.numbers("position", fault.positions))
    if let heads = fault.heads { parts.append(Self.numbers("head", heads)) }
    return parts.joined(separator: "; ")
  }

  private static func numbers(_ noun: String, _ numbers: [Int]) -> String {
    "\(noun)\(numbers.count == 1 ? "" : "s") \(rangesText(numbers))"
  }

  private func first(_ finding: Explanation.Finding) -> [String] {
    let judgement = finding.judgement
    let error = abs(judgement.actual - judgement.expected)
    var lines: [String] = []
    if let token = explanation.tokens[finding.key.position] { lines.append("  token       \(token)") }
    let index = finding.index.map(String.init).joined(separator: ", ")
    let elements =
      "\(judgement.faulty) of \(count(judgement.count, "element")) \(judgement.faulty == 1 ? "is" : "are") beyond"
    lines += [
      "  worst       element [\(index)]\(headText(finding)); \(elements)",
      "  replayed    \(NumberText.rounded(judgement.expected, digits: 9))",
      "  recorded    \(NumberText.exact(judgement.actual, finding.type))",
    ]
    if !error.isFinite {
      lines.append("  error       not finite, where a finite value is expected")
    } else if judgement.bound == 0 {
      lines.append("  error       \(Self.short(error)), where the result is exact")
    } else {
      lines.append(
        "  error       \(Self.short(error)) = \(Self.short(judgement.ratio)) times the bound \(Self.short(judgement.bound))"
      )
    }
    return lines
  }

  private func headText(_ finding: Explanation.Finding) -> String {
    guard let site = finding.key.name.site, let size = explanation.headSize else { return "" }
    let index = finding.judgement.index
    if site.shape == .headsByPositions {
      let length = finding.key.position + 1
      return ": head \(index / length), position \(index % length)"
    }
    return site.isSplitIntoHeads ? ": head \(index / size), element \(index % size)" : ""
  }

  private var checked: [String] {
    guard explanation.checkedRecords > 0 else { return [] }
    let counts = "\(count(explanation.checkedRecords, "record")), \(count(explanation.checkedElements, "element"))"
    var lines = ["Checked: \(counts)"]
    if let worst = explanation.worst {
      lines[0] += "; largest honest ratio \(Self.ratio(worst.judgement.ratio)) at \(worst.key)"
    }
    let limits = Explanation.SiteSummary.limits.map { NumberText.plain($0) }.joined(separator: ", ")
    lines.append(
      "  site            records   faulty  largest honest ratio   honest records up to \(limits) of their bound")
    for site in Site.allCases {
      guard let summary = explanation.sites[site] else { continue }
      let faulty = explanation.faults.first { $0.site == site }?.records ?? 0
      let ratio = summary.worst.map { Self.ratio($0.judgement.ratio) } ?? "-"
      lines.append(
        "  " + site.rawValue + padded(String(summary.records), to: 23 - site.rawValue.count)
          + padded(String(faulty), to: 9) + padded(ratio, to: 22) + "  "
          + summary.distribution.map { padded(String($0), to: 8) }.joined())
    }
    return lines
  }

  /// A ratio below 1 never prints as 1.
  static func ratio(_ ratio: Double) -> String {
    let text = short(ratio)
    return text == "1" && ratio < 1 ? String(ratio.description.prefix(8)) : text
  }

  static func short(_ value: Double) -> String { NumberText.rounded(value, digits: 3) }

  func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }

  private var unchecked: [String] {
    guard !explanation.unchecked.isEmpty else { return [] }
    var lines = ["Not checked: \(explanation.uncheckedText)"]
    for entry in explanation.unchecked.prefix(Self.listingLimit) {
      var place = entry.name.text
      if !entry.layers.isEmpty { place += ", \(Self.numbers("layer", entry.layers.sorted()))" }
      let positions = entry.positions
      place +=
        positions.count == 1
        ? ", position \(positions.lowerBound)" : ", positions \(positions.lowerBound)..\(positions.upperBound)"
      let amount =
        entry.elements.map { "\(count($0, "element")) of \(count(entry.records, "record"))" }
        ?? count(entry.records, "record")
      lines.append("  \(place): \(amount): \(entry.reason)")
    }
    let rest = explanation.unchecked.count - Self.listingLimit
    if rest > 0 { lines.append("  ... \(count(rest, "more line"))") }
    return lines
  }

  private var problems: [String] {
    let problems = explanation.problems
    guard !problems.isEmpty else { return [] }
    let rest = problems.count - min(problems.entries.count, Self.listingLimit)
    return ["Problems: \(problems.count)"] + problems.entries.prefix(Self.listingLimit).map { "  \($0)" }
      + (rest > 0 ? ["  ... \(rest) more"] : [])
  }

  private var notes: [String] {
    explanation.notes.isEmpty ? [] : ["Notes"] + explanation.notes.map { "  \($0)" }
  }
}
