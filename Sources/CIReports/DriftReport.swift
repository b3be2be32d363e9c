import PlatformLibc
import TraceComparison
package import TraceFormat

/// A drift history for people: a line per tensor, drawn over the commits, and what moved.
package struct DriftReport {
  private static let columnLimit = 60
  private static let listingLimit = 20
  /// How many moves of a commit are listed that is not the latest.
  private static let earlierLimit = 3

  private let history: DriftHistory
  private let path: String
  private let filter: RecordFilter

  /// The report of a history that holds a commit.
  ///
  /// - Parameters:
  ///   - path: the history's file, as it was named.
  ///   - filter: whose names are shown.
  package init(_ history: DriftHistory, path: String, filter: RecordFilter = RecordFilter()) {
    self.history = history
    self.path = path
    self.filter = filter
  }

  /// The wanted names in the order in which they first stand in the history, the latest commit first.
  static func names(_ entries: [DriftEntry], _ filter: RecordFilter) -> [String] {
    var known: Set<String> = []
    var names: [String] = []
    for entry in entries.reversed() {
      for site in entry.sites where filter.wants(name: site.name) && known.insert(site.name).inserted {
        names.append(site.name)
      }
    }
    return names
  }

  /// The text.
  package var text: String {
    let entries = history.entries
    guard let last = entries.last, let first = entries.first else { return "" }
    var lines = [
      "\(visibleText(path.utf8)): \(TraceComparison.count(entries.count, "commit")), \(Self.short(first.commit)) to "
        + "\(Self.short(last.commit)); the last: \(visibleText(last.verdict.utf8))"
    ]
    lines += Self.partings(entries)
    lines += ["", "Largest error per tensor, the oldest commit first"]
    lines += drawing(entries)
    lines += moves(entries)
    return lines.joined(separator: "\n") + "\n"
  }

  /// In how many commits the tokens part, and in which of them last.
  private static func partings(_ entries: [DriftEntry]) -> [String] {
    let parted = entries.filter { $0.tokensPartAt != nil }
    guard let last = parted.last, let position = last.tokensPartAt else { return [] }
    return [
      "the tokens part in \(parted.count) of \(TraceComparison.count(entries.count, "commit")), last in "
        + "\(short(last.commit)) at position \(position); from there on nothing was compared"
    ]
  }

  private func drawing(_ entries: [DriftEntry]) -> [String] {
    let shown = entries.suffix(Self.columnLimit)
    let names = Self.names(Array(shown), filter)
    let columns = shown.map { entry in Dictionary(entry.sites.map { ($0.name, $0) }) { first, _ in first } }
    let scale = DriftScale(columns.flatMap { column in names.compactMap { column[$0]?.error } })
    var lines = [
      "(error: greatest of abs(actual - expected) / max(abs(expected), rms); ratio: of error to allowance; bound: of",
      "error to the bound of rounding, where a model was given; both at the last commit)",
      "  \(scale.legend)",
    ]
    if shown.count < entries.count { lines.append("  the last \(shown.count) of \(entries.count) commits") }
    let width = max(8, shown.count + 1)
    lines.append("  " + Self.row("tensor", Self.filled("history", to: width), "last", "ratio", "bound", "largest"))
    for name in names.prefix(Self.listingLimit * 2) {
      let values = columns.map { $0[name] }
      let drawn = String(values.map { scale.character($0?.error) })
      let errors = values.compactMap { $0?.error }
      let largest = errors.contains { $0.isNaN } ? Double.nan : errors.max()
      let last = values.last.flatMap { $0 }
      lines.append(
        "  "
          + Self.row(
            visibleText(name.utf8), Self.filled(drawn, to: width), Self.number(last?.error), Self.ratio(last?.ratio),
            Self.ratio(last?.boundRatio), Self.number(largest)))
    }
    let rest = names.count - Self.listingLimit * 2
    if rest > 0 { lines.append("  ... \(rest) more; --only names what to show") }
    return lines
  }

  /// What an entry moved, a line each; empty where it stands at the beginning.
  package static func changes(of entry: DriftEntry, in history: DriftHistory) -> String {
    guard let place = history.entries.firstIndex(where: { $0.commit == entry.commit }), place > 0 else { return "" }
    let pair = Array(history.entries[(place - 1)...place])
    let moves = DriftMove.all(pair) { _ in true }
    let scope = DriftScopeChange.all(pair).flatMap(\.lines)
    let previous = short(history.entries[place - 1].commit)
    guard !moves.isEmpty || !scope.isEmpty else { return "nothing moved since \(previous)\n" }
    var lines = ["moved since \(previous):"]
    lines += scope.map { "  " + $0 }
    lines += moves.prefix(listingLimit).map { "  " + line($0) }
    if moves.count > listingLimit { lines.append("  ... \(moves.count - listingLimit) more") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Every commit that moved something or compared other records: of the latest all moves, of others the first ones.
  private func moves(_ entries: [DriftEntry]) -> [String] {
    let moves = DriftMove.all(entries) { filter.wants(name: $0) }
    let scopes = Dictionary(DriftScopeChange.all(entries).map { ($0.commit, $0) }) { first, _ in first }
    guard !moves.isEmpty || !scopes.isEmpty else { return ["", "Nothing moved."] }
    var lines = ["", "What moved, the latest commit first: \(TraceComparison.count(moves.count, "change"))"]
    let byCommit = Dictionary(grouping: moves, by: \.commit)
    let places = entries.indices.dropFirst().reversed()
    let commits = places.filter { byCommit[entries[$0].commit] != nil || scopes[entries[$0].commit] != nil }
    for place in commits.prefix(Self.listingLimit) {
      let (commit, previous) = (entries[place].commit, entries[place - 1].commit)
      let moves = byCommit[commit] ?? []
      lines.append(Self.heading(moves, commit, after: previous))
      lines += (scopes[commit]?.lines ?? []).map { "    " + $0 }
      let limit = place == commits.first ? Self.listingLimit : Self.earlierLimit
      lines += moves.prefix(limit).map { "    " + Self.line($0) }
      if moves.count > limit { lines.append("    ... \(moves.count - limit) more; --only names what to show") }
    }
    let rest = commits.count - Self.listingLimit
    if rest > 0 { lines.append("  ... \(TraceComparison.count(rest, "commit")) more; --json lists 100 changes") }
    return lines
  }

  /// How many tensors a commit moved, and the one that changed by the greatest factor.
  private static func heading(_ moves: [DriftMove], _ commit: String, after previous: String) -> String {
    var heading = "  \(short(commit)), after \(short(previous)): "
    heading += moves.isEmpty ? "no tensor" : TraceComparison.count(moves.count, "tensor")
    let farthest = moves.max { abs(log($0.factor ?? 1)) < abs(log($1.factor ?? 1)) }
    if moves.count > 1, let farthest, let factor = farthest.factor {
      heading += ", most \(visibleText(farthest.name.utf8)), \(NumberText.rounded(factor, digits: 3)) times"
    }
    return heading
  }

  private static func line(_ move: DriftMove) -> String {
    let from = move.from.map { number($0) } ?? "not compared"
    let to = move.to.map { number($0) } ?? "not compared"
    let factor = move.factor.map { ", \(NumberText.rounded($0, digits: 3)) times" } ?? ""
    var place = move.layer.map { ", layer \($0)" } ?? ""
    if let position = move.position { place += ", position \(position)" }
    return filled(visibleText(move.name.utf8), to: 18) + "\(from) -> \(to)\(factor)\(place)"
  }

  private static func row(
    _ name: String, _ drawn: String, _ last: String, _ ratio: String, _ bound: String, _ largest: String
  ) -> String {
    let right = [last, ratio, bound, largest].map { text in
      String(repeating: " ", count: max(1, 11 - text.count)) + text
    }
    return filled(name, to: 18) + drawn + right.joined()
  }

  private static func ratio(_ value: Double?) -> String { value.map { NumberText.rounded($0, digits: 3) } ?? "-" }

  private static func number(_ value: Double?) -> String {
    guard let value else { return "-" }
    if value.isNaN { return "non-finite" }
    return value == 0 ? "identical" : NumberText.rounded(value, digits: 3)
  }

  /// Text with blanks behind it, one at least.
  private static func filled(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  /// A commit as people write it: of a long hash the first ten digits.
  private static func short(_ commit: String) -> String {
    let isHash = commit.utf8.count >= 40 && commit.allSatisfy { $0.isASCII && $0.isHexDigit }
    return isHash ? String(commit.prefix(10)) : visibleText(commit.utf8)
  }
}
