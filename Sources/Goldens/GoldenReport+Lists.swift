import TraceComparison
import TraceFormat

extension GoldenReport {
  /// One line for every site that moved: how many records, and the one that went farthest.
  var movements: [String] {
    let sites = SiteMovement.all(verdict.cases)
    guard !sites.isEmpty else { return [] }
    var lines = [
      "What moved, by site",
      "(error: estimated rms(actual - expected) / rms(expected); ulp: of rms(expected); ratio: error / allowance)",
      "  " + Self.columns("site", ["records", "differ", "beyond", "error", "ulp", "ratio"], "worst at"),
    ]
    for site in sites.prefix(Self.listingLimit) { lines.append("  " + Self.columns(site)) }
    if sites.count > Self.listingLimit { lines.append("  ... \(sites.count - Self.listingLimit) more") }
    return lines
  }

  private static func columns(_ site: SiteMovement) -> String {
    let result = site.worst.comparison
    let error = result.hasNonFiniteMismatch ? "non-finite" : result.scaledError.map { short($0) } ?? "-"
    let cells = [
      "\(site.recordCount)", "\(site.differingRecords)", "\(site.divergentRecords)", error,
      result.ulps.map { short($0) } ?? "-", short(result.ratio),
    ]
    let layer = site.worst.key.layer.map { "layer \($0), " } ?? ""
    return columns(site.name.text, cells, "\(layer)position \(site.worst.key.position)")
  }

  private static func columns(_ site: String, _ cells: [String], _ place: String) -> String {
    let right = zip(cells, [8, 8, 8, 11, 10, 10]).map { text, width in
      String(repeating: " ", count: max(1, width - text.count)) + text
    }
    return site + String(repeating: " ", count: max(0, 16 - site.count)) + right.joined() + "  " + place
  }

  /// Unmatched records, shapes, problems and notes.
  var remarks: [[String]] { [unmatched, shapes, problems, notes] }

  private var unmatched: [String] {
    var lines: [String] = []
    let sides = [
      (verdict.unmatched.expected, "the golden", "the trace"), (verdict.unmatched.actual, "the trace", "the golden"),
    ]
    for (records, holder, other) in sides where !records.list.isEmpty {
      let counts = UnmatchedRecord.Reason.allCases.compactMap { reason in
        records.reasons[reason].map { "\($0) \(reason.rawValue)" }
      }
      lines.append(
        "Only in \(holder): \(count(records.list.count, "record")); in \(other) \(counts.joined(separator: ", "))")
      lines += records.groups.prefix(Self.listingLimit).map { "  \($0)" }
      if records.groups.count > Self.listingLimit {
        lines.append("  ... \(records.groups.count - Self.listingLimit) more")
      }
    }
    if lines.isEmpty { return [] }
    lines.append(
      verdict.comparesCommonOnly
        ? "These were left out of the comparison."
        : "--common compares what both have; --only, --layers and --positions name what to compare.")
    return lines
  }

  private var shapes: [String] {
    guard !verdict.shapeMismatches.isEmpty else { return [] }
    return ["Shapes differ: \(count(verdict.shapeMismatches.count, "record"))"]
      + Self.listing(verdict.shapeMismatches) { "\($0.key): expected \($0.expected), actual \($0.actual)" }
  }

  private var problems: [String] {
    guard !verdict.problems.isEmpty else { return [] }
    return ["Problems: \(verdict.problems.count)"]
      + Self.listing(verdict.problems) { GoldenVerdict.text(of: $0) }
  }

  private var notes: [String] {
    let notes = verdict.headers.notes + verdict.notes
    return notes.isEmpty ? [] : ["Notes"] + notes.map { "  \($0)" }
  }

  private static func listing<Element>(_ list: Listing<Element>, _ line: (Element) -> String) -> [String] {
    let shown = list.entries.prefix(listingLimit)
    let rest = list.count - shown.count
    return shown.map { "  " + line($0) } + (rest > 0 ? ["  ... \(rest) more"] : [])
  }
}
