/// The rows of a cached site, position by position from 0 on.
struct CacheRows: Sendable {
  /// A row per position; nil where nothing is known.
  private(set) var rows: [Estimate?] = []
  /// How many rows from the first on are known.
  private(set) var knownCount = 0
  /// How many rows from the first on are known without error.
  private(set) var exactCount = 0

  var count: Int { rows.count }

  mutating func append(_ more: [Estimate?]) {
    for row in more {
      if knownCount == rows.count, let row {
        if exactCount == rows.count, row.isExact { exactCount += 1 }
        knownCount += 1
      }
      rows.append(row)
    }
  }

  /// Forgets what was appended from a position on.
  mutating func truncate(to count: Int) {
    guard count < rows.count else { return }
    rows.removeLast(rows.count - count)
    knownCount = min(knownCount, count)
    exactCount = min(exactCount, count)
  }

  /// The rows up to a position, all of which must be known.
  func prefix(through position: Int) -> [Estimate] { rows[...position].compactMap { $0 } }
}
