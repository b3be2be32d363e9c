import TraceComparison
import TraceFormat

// What a reference's trace adds to the report.
extension ExplanationReport {
  /// Total, local and inherited errors per site.
  var expectedSplit: [String] {
    guard let split = explanation.expected else { return [] }
    var lines = [
      "Against the expected trace (\(split.producer)): \(split.records) records in common"
        + (split.missing > 0 ? ", \(split.missing) of this trace without one like it there" : ""),
      "  greatest errors of any record, each relative to the expected record's rms: all of it, what this operation made,",
      "  and what it was handed (an element's total is its local plus its inherited error)",
      "  site                  total     local  inherited",
    ]
    for site in Site.allCases {
      guard let errors = split.sites[site] else { continue }
      let isFaulty = explanation.faults.contains { $0.site == site }
      lines.append(
        "  " + site.rawValue + padded(Self.short(errors.total), to: 27 - site.rawValue.count)
          + padded(Self.short(errors.local), to: 10) + padded(Self.short(errors.inherited), to: 11)
          + (isFaulty ? "  fault" : ""))
    }
    if let problem = split.problem { lines.append("  the expected trace is not whole: \(problem)") }
    if let position = split.tokensPart {
      lines.append("  the tokens part at position \(position); compared up to there")
    }
    lines += blindness(split)
    return lines
  }

  /// What a comparison by tolerance would not have seen.
  private func blindness(_ split: ExpectedSplit) -> [String] {
    var lines: [String] = []
    for fault in explanation.faults {
      let passed = split.passedByTolerance[fault.site] ?? 0
      guard passed > 0 else { continue }
      lines.append(
        "  warning: a comparison at the default tolerance passes \(passed) of the \(fault.records) faulty records of "
          + "\(fault.site.rawValue): that tolerance cannot see the fault there")
    }
    if !explanation.faults.isEmpty, split.logits.compared > 0, split.logits.beyond == 0 {
      lines.append(
        "  warning: the fault does not show in the logits: all \(split.logits.compared) records pass the default tolerance, "
          + "so a comparison of outputs cannot see it")
    }
    return lines
  }

  /// Positions at which another token would be chosen.
  var flips: [String] {
    guard let split = explanation.expected, split.flipCount > 0 else { return [] }
    let noun = split.flipCount == 1 ? "position" : "positions"
    var lines = ["Greedy decoding would choose another token at \(split.flipCount) \(noun)"]
    for flip in split.flips {
      let judgement =
        flip.isNearTie
        ? "a near tie: the rounding of the last product alone (\(Self.short(flip.bound))) can decide it"
        : "no near tie: \(Self.short(flip.margin / flip.bound)) times what the rounding of the last product can change"
      lines.append(
        "  position \(flip.position): \(flip.actual) instead of \(flip.expected), which leads by "
          + "\(Self.short(flip.margin)); \(judgement)")
    }
    if split.flipCount > split.flips.count { lines.append("  ... \(split.flipCount - split.flips.count) more") }
    return lines
  }
}
