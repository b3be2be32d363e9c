import TraceComparison
import TraceFormat

/// An explanation for people.
package struct ExplanationReport {
  private static let listingLimit = 20
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
      sections.append(["... \(explanation.faults.count - Self.listingLimit) more operations"])
    }
    sections += [expectedSplit, flips, checked, unchecked, problems, notes]
    return sections.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }

  private var overview: [String] {
    [
      "trace      \(visibleText(path.utf8)): \(explanation.producer)", "model      \(visibleText(modelPath.utf8))",
      "rule       ratio = abs(recorded - replayed) / bound; up to 1 is rounding, above 1 is a fault of this operation alone",
    ]
  }

  private func block(_ fault: Explanation.Fault, _ number: Int) -> [String] {
    let operation = fault.site.operation(quantized: explanation.isQuantized)
    let word = fault.precision == nil ? "Fault" : "Lower precision"
    var lines = [
      "\(word) \(number): \(fault.site.rawValue) (\(operation.kind.rawValue)), first at \(Self.place(fault.first.key))"
    ]
    if let cause = fault.causes.first {
      lines.append("  cause       \(cause.title)")
      lines += fault.causes.dropFirst().map { "  or          \($0.title) [\($0.id)]" }
      let which = fault.causes.count > 1 ? "each reproduces" : "reproduces"
      lines.append(
        "  evidence    \(which) all \(fault.records) of \(Self.records(fault.records)) to within rounding [\(cause.id)]"
      )
      lines.append("  expected    \(operation.formula)")
      if let formula = cause.formula { lines.append("  found       \(formula)") }
    } else if let precision = fault.precision {
      lines.append(
        "  cause       explained by \(precision): reproduces all \(fault.records) of \(Self.records(fault.records))")
      lines.append("  expected    float32: \(operation.formula)")
    } else {
      lines.append("  cause       none of the known mistakes reproduces it")
      lines += fault.evidence.map { "  evidence    \($0)" }
      lines.append("  expected    \(operation.formula)")
    }
    lines.append("  spread      \(spread(fault))")
    if let errors = explanation.expected?.firstFaulty[fault.site] {
      lines.append(
        "  split       error \(NumberText.rounded(errors.total, digits: 3)) of the expected rms: "
          + "\(NumberText.rounded(errors.local, digits: 3)) made here, "
          + "\(NumberText.rounded(errors.inherited, digits: 3)) inherited")
    }
    lines += first(fault.first)
    return lines
  }

  private static func records(_ count: Int) -> String { count == 1 ? "1 faulty record" : "\(count) faulty records" }

  private static func place(_ key: RecordKey) -> String {
    (key.layer.map { "layer \($0), " } ?? "") + "position \(key.position)"
  }

  private func spread(_ fault: Explanation.Fault) -> String {
    var parts = ["\(fault.records) of \(fault.checked) checked records"]
    if !fault.layers.isEmpty { parts.append("layers \(rangesText(fault.layers))") }
    parts.append("positions \(rangesText(fault.positions))")
    if let heads = fault.heads { parts.append("heads \(rangesText(heads))") }
    return parts.joined(separator: "; ")
  }

  private func first(_ finding: Explanation.Finding) -> [String] {
    let judgement = finding.judgement
    let error = abs(judgement.actual - judgement.expected)
    func short(_ value: Double) -> String { NumberText.rounded(value, digits: 3) }
    var lines: [String] = []
    if let token = explanation.tokens[finding.key.position] {
      lines.append("  token       \(token.id)" + (token.text.map { " \"\(visibleText($0, quoted: true))\"" } ?? ""))
    }
    let index = finding.index.map(String.init).joined(separator: ", ")
    lines += [
      "  worst       element [\(index)]\(headText(finding)); \(judgement.faulty) of \(judgement.count) elements are beyond their bound",
      "  replayed    \(NumberText.rounded(judgement.expected, digits: 9))",
      "  recorded    \(NumberText.exact(judgement.actual, finding.type))",
      "  error       \(short(error)) = \(short(judgement.ratio)) times the bound \(short(judgement.bound))",
    ]
    return lines
  }

  private func headText(_ finding: Explanation.Finding) -> String {
    guard let site = finding.key.name.site, site.isSplitIntoHeads, let size = explanation.headSize else { return "" }
    return ": head \(finding.judgement.index / size), element \(finding.judgement.index % size)"
  }

  private var checked: [String] {
    guard explanation.checkedRecords > 0 else { return [] }
    var lines = ["Checked: \(explanation.checkedRecords) records, \(explanation.checkedElements) elements"]
    if let worst = explanation.worst {
      lines[0] +=
        "; largest honest ratio \(NumberText.rounded(worst.judgement.ratio, digits: 3)) at \(worst.key)"
    }
    lines.append(
      "  site            records   faulty  largest honest ratio   honest records up to 0.001, 0.01, 0.1, 0.5, 1 of their bound"
    )
    for site in Site.allCases {
      guard let summary = explanation.sites[site] else { continue }
      let faulty = explanation.faults.first { $0.site == site }?.records ?? 0
      let ratio = summary.worst.map { NumberText.rounded($0.judgement.ratio, digits: 3) } ?? "-"
      lines.append(
        "  " + site.rawValue + padded(String(summary.records), to: 23 - site.rawValue.count)
          + padded(String(faulty), to: 9)
          + padded(ratio, to: 22) + "  " + summary.distribution.map { padded(String($0), to: 8) }.joined())
    }
    return lines
  }

  func padded(_ text: String, to width: Int) -> String {
    String(repeating: " ", count: max(1, width - text.count)) + text
  }

  private var unchecked: [String] {
    guard !explanation.unchecked.isEmpty else { return [] }
    let total = explanation.unchecked.reduce(0) { $0 + $1.records }
    var lines = ["Not checked: \(total) records"]
    for entry in explanation.unchecked.prefix(Self.listingLimit) {
      let layers = entry.layers.isEmpty ? "" : ", layers \(rangesText(entry.layers.sorted()))"
      let positions = entry.positions
      let span =
        positions.count == 1
        ? "position \(positions.lowerBound)" : "positions \(positions.lowerBound)..\(positions.upperBound)"
      lines.append("  \(entry.name.text)\(layers), \(span): \(entry.records) records: \(entry.reason)")
    }
    if explanation.unchecked.count > Self.listingLimit {
      lines.append("  ... \(explanation.unchecked.count - Self.listingLimit) more")
    }
    return lines
  }

  private var problems: [String] {
    guard !explanation.problems.isEmpty else { return [] }
    return ["Problems: \(explanation.problems.count)"]
      + explanation.problems.prefix(Self.listingLimit).map { "  \($0)" }
      + (explanation.problems.count > Self.listingLimit
        ? ["  ... \(explanation.problems.count - Self.listingLimit) more"] : [])
  }

  private var notes: [String] {
    explanation.notes.isEmpty ? [] : ["Notes"] + explanation.notes.map { "  \($0)" }
  }
}

extension Explanation {
  /// The verdict in one line.
  package var headline: String {
    switch verdict {
    case .rounding:
      let worst =
        worst.map { "; the largest error is \(NumberText.rounded($0.judgement.ratio, digits: 3)) of its bound" } ?? ""
      return "rounding: all \(checkedRecords) checked records are explained by float32 rounding\(worst)\(uncheckedText)"
    case .precision:
      let first = faults[0]
      return
        "precision: \(first.site.rawValue) is explained by \(first.precision ?? "")\(moreText(faults.count - 1))\(uncheckedText)"
    case .fault:
      let real = faults.filter { $0.precision == nil }
      let first = real[0]
      let what = first.causes.first?.title ?? "no known cause"
      let place = (first.first.key.layer.map { "layer \($0), " } ?? "") + "position \(first.first.key.position)"
      return "fault: \(first.site.rawValue), first at \(place): \(what)\(moreText(faults.count - 1))\(uncheckedText)"
    case .unchecked:
      if let problem = problems.first, checkedRecords > 0 {
        return "unchecked: the trace is not whole (\(problem)); what is readable is explained by rounding"
      }
      let reason = unchecked.first.map { ": \($0.first): \($0.reason)" } ?? ": the trace holds no records"
      return "unchecked: no record could be checked\(reason)"
    }
  }

  private var uncheckedText: String {
    let count = unchecked.reduce(0) { $0 + $1.records }
    return count == 0 ? "" : "; \(count) records could not be checked"
  }

  private func moreText(_ count: Int) -> String {
    count == 0 ? "" : count == 1 ? " (and 1 more operation)" : " (and \(count) more operations)"
  }
}

extension SiteOperation {
  /// What the operation computes from what, in one line.
  package var formula: String {
    let names = inputs.map { input in if case .below = input { "x" } else { input.site.rawValue } }
    let weight = weight?.rawValue ?? "w"
    switch kind {
    case .embedding: return "\(weight)[token]"
    case .rmsNorm: return "\(weight) * \(names[0]) / sqrt(mean(\(names[0])^2) + epsilon)"
    case .product where names.count == 2:
      return "sum over groups of (sum over j of \(weight)[i][j] * \(names[0])[j]) * weight scale * \(names[1])"
    case .product: return "sum over j of \(weight)[i][j] * \(names[0])[j]"
    case .rotation:
      return "(v0 cos a - v1 sin a, v0 sin a + v1 cos a) of pairs (i, i + 1) of \(names[0]), "
        + "a = position * base^(-d / head_size)"
    case .scores:
      return "\(names[0]) . \(names[1])[t] / sqrt(head_size), t = 0..position, kv head h / (n_heads / n_kv_heads)"
    case .softmax: return "exp(s[t] - max) / sum over t = 0..position of \(names[0]), per head"
    case .weightedSum:
      return "sum over t = 0..position of \(names[0])[t] * \(names[1])[t], kv head h / (n_heads / n_kv_heads)"
    case .residual: return "\(names[0] == "x" ? "x" : names[0]) + \(names[1])"
    case .swiglu: return "g / (1 + exp(-g)) * \(names[1]), g = \(names[0])"
    case .quantizedScales: return "max abs(\(names[0])) / 127 per group"
    case .quantizedValues: return "\(names[0]) / \(names[1]), rounded to the nearest integer"
    }
  }
}

/// Ascending numbers as `0..3, 8`; at most a few ranges.
func rangesText(_ numbers: [Int]) -> String { Catalogue.rangesText(numbers) }
