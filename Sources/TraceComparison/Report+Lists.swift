import TraceFormat

extension Report {
  private static let laterPositionLimit = 5

  /// How the error travels: a table of the position where it begins, and one row per later position.
  var travel: [String] {
    let travel = verdict.travel
    guard let start = travel.start, travel.rows.count + travel.laterPositions.count > 1 else { return [] }
    var lines = [
      "How the error travels from \(start)",
      "(error: greatest of abs(actual - expected) / max(abs(expected), rms); ratio: of error to allowance)",
      "  " + Self.columns("site", "layer", "position", "error", "ratio", "mismatched"),
    ]
    // The later positions take their rows out of the same limit, so that the table as a whole keeps to it.
    let later = travel.laterPositions.prefix(Self.laterPositionLimit)
    let (rows, cut) = Self.selected(travel.rows, limit: Self.listingLimit - later.count)
    for (index, row) in rows.enumerated() {
      if let cut, index == cut.place { lines.append("  ... \(count(cut.count, "row")) more") }
      lines.append("  " + Self.columns(row))
    }
    if !later.isEmpty {
      lines.append("  worst of each later position:")
      lines += later.map { "  " + Self.columns($0) }
      let rest = travel.laterPositionCount - later.count
      if rest > 0 { lines.append("  ... \(count(rest, "position")) more") }
    }
    return lines
  }

  /// The first rows and the last ones, where there are too many; `cut` says where how many were left out.
  private static func selected(
    _ rows: [Travel.Row], limit: Int
  ) -> (rows: [Travel.Row], cut: (place: Int, count: Int)?) {
    guard rows.count > limit else { return (rows, nil) }
    let tail = 3
    let head = limit - tail
    return (rows.prefix(head) + rows.suffix(tail), (head, rows.count - limit))
  }

  private static func columns(_ row: Travel.Row) -> String {
    columns(
      row.key.name.text, row.key.layer.map(String.init) ?? "-", String(row.key.position),
      row.nonFiniteMismatches > 0 ? "non-finite" : NumberText.rounded(row.scaledError, digits: 3),
      NumberText.rounded(row.ratio, digits: 3),
      "\(row.beyond) / \(row.elementCount)")
  }

  private static func columns(
    _ site: String, _ layer: String, _ position: String, _ error: String, _ ratio: String, _ mismatched: String
  ) -> String {
    let right = zip([layer, position, error, ratio, mismatched], [6, 9, 11, 10, 15])
      .map { text, width in String(repeating: " ", count: max(1, width - text.count)) + text }
    return site + String(repeating: " ", count: max(0, 16 - site.count)) + right.joined()
  }
}
