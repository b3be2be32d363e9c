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
}
