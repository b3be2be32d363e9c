import TraceFormat

/// What a verdict says beside its findings: records without a partner, shapes that differ, problems and notes.
package struct Remarks {
  /// How many entries of a list are printed.
  private static let listingLimit = 20

  private let names: BySide<String>
  private let unmatched: BySide<UnmatchedRecords>
  private let comparesCommonOnly: Bool
  private let shapeMismatches: Listing<Verdict.ShapeMismatch>
  private let problems: Listing<Verdict.Problem>
  private let notes: [String]

  /// Remarks.
  ///
  /// - Parameters:
  ///   - names: what the two sides are called.
  ///   - comparesCommonOnly: whether records without a partner were left out of the comparison.
  package init(
    names: BySide<String>, unmatched: BySide<UnmatchedRecords>, comparesCommonOnly: Bool,
    shapeMismatches: Listing<Verdict.ShapeMismatch>, problems: Listing<Verdict.Problem>, notes: [String]
  ) {
    self.names = names
    self.unmatched = unmatched
    self.comparesCommonOnly = comparesCommonOnly
    self.shapeMismatches = shapeMismatches
    self.problems = problems
    self.notes = notes
  }

  /// The sections of a report; those that have nothing to say are empty.
  package var sections: [[String]] { [unmatchedLines, shapeLines, problemLines, noteLines] }

  /// The first problem in one line; nil where there is none.
  package var problem: String? { problems.entries.first.map(text) }

  /// The first record whose shapes differ, in one line; nil where there is none.
  package var shapeMismatch: String? {
    guard let first = shapeMismatches.entries.first else { return nil }
    let more = shapeMismatches.count > 1 ? " (and \(shapeMismatches.count - 1) more)" : ""
    return "shapes differ at \(first.key): expected \(first.expected), actual \(first.actual)\(more)"
  }

  /// What each side lacks, in one line; nil where neither lacks anything.
  package var lack: String? {
    let lacking = Side.allCases.compactMap { holder -> String? in
      guard let first = unmatched[holder].list.entries.first else { return nil }
      return "\(names[holder.other]) lacks \(count(unmatched[holder].count, "record")) of \(names[holder]), first "
        + "\(first.key) (\(first.explanation))"
    }
    return lacking.isEmpty ? nil : lacking.joined(separator: "; ")
  }

  private var unmatchedLines: [String] {
    var lines: [String] = []
    for holder in Side.allCases where !unmatched[holder].isEmpty {
      let records = unmatched[holder]
      let counts = UnmatchedRecord.Reason.allCases.compactMap { reason in
        records.reasons[reason].map { "\($0) \(reason.rawValue)" }
      }
      lines.append(
        "Only in \(names[holder]): \(count(records.count, "record")); in \(names[holder.other]) "
          + counts.joined(separator: ", "))
      lines += listing(records.groups, of: records.groups.count) { group in
        let isExplained = records.reasons.count > 1 || group.first.suggestion != nil
        return "\(group)" + (isExplained ? " (\(group.first.explanation))" : "")
      }
    }
    if lines.isEmpty { return [] }
    lines.append(
      comparesCommonOnly
        ? "These were left out of the comparison (--common)."
        : "--common compares what both have; --only, --except, --layers and --positions name what to compare.")
    return lines
  }

  private var shapeLines: [String] {
    guard !shapeMismatches.isEmpty else { return [] }
    return ["Shapes differ: \(count(shapeMismatches.count, "record"))"]
      + listing(shapeMismatches.entries, of: shapeMismatches.count) {
        "\($0.key): expected \($0.expected), actual \($0.actual)"
      }
  }

  private var problemLines: [String] {
    guard !problems.isEmpty else { return [] }
    return ["Problems: \(problems.count)"] + listing(problems.entries, of: problems.count, text)
  }

  private var noteLines: [String] { notes.isEmpty ? [] : ["Notes"] + notes.map { "  \($0)" } }

  private func text(_ problem: Verdict.Problem) -> String {
    problem.side.map { "\(names[$0]): \(problem.message)" } ?? problem.message
  }

  private func listing<Element>(_ entries: [Element], of count: Int, _ line: (Element) -> String) -> [String] {
    let shown = entries.prefix(Self.listingLimit)
    let rest = count - shown.count
    return shown.map { "  " + line($0) } + (rest > 0 ? ["  ... \(rest) more"] : [])
  }
}

extension Verdict {
  /// What is to be said beside the findings.
  package var remarks: Remarks {
    Remarks(
      names: .traces, unmatched: unmatched, comparesCommonOnly: comparesCommonOnly, shapeMismatches: shapeMismatches,
      problems: problems, notes: headers.notes + notes)
  }
}
