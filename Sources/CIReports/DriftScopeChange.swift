import TraceComparison

/// A commit that compared more or fewer records than the commit before, or whose tokens part elsewhere: its errors are
/// not of the same records.
package struct DriftScopeChange: Equatable, Sendable {
  /// The commit.
  package var commit: String
  /// The commit before.
  package var previous: String
  /// The positions at which the tokens part, before and now; nil where they agree.
  package var tokensPartAt: Change<Int?>
  /// Number of records compared, before and now.
  package var records: Change<Int>

  /// Something before and now.
  package struct Change<Value: Equatable & Sendable>: Equatable, Sendable {
    /// At the commit before.
    package var from: Value
    /// At the commit.
    package var to: Value
  }

  /// The change between two commits; nil where there is none.
  init?(from before: DriftEntry, to after: DriftEntry) {
    commit = after.commit
    previous = before.commit
    tokensPartAt = Change(from: before.tokensPartAt, to: after.tokensPartAt)
    records = Change(from: before.records, to: after.records)
    guard tokensPartAt.from != tokensPartAt.to || records.from != records.to else { return nil }
  }

  /// All changes of a history, the latest commit first.
  package static func all(_ entries: [DriftEntry]) -> [DriftScopeChange] {
    entries.indices.dropFirst().reversed().compactMap { index in
      DriftScopeChange(from: entries[index - 1], to: entries[index])
    }
  }

  /// What a reader should know before comparing the errors of both commits, a line each.
  var lines: [String] {
    var lines: [String] = []
    if tokensPartAt.from != tokensPartAt.to { lines.append(tokensLine) }
    if records.from != records.to {
      lines.append(
        "note: \(TraceComparison.count(records.to, "record")) compared, \(records.from) before: the errors are not of the "
          + "same records")
    }
    return lines
  }

  private var tokensLine: String {
    switch (tokensPartAt.from, tokensPartAt.to) {
    case (let from?, let to?): "the tokens part at position \(to), at position \(from) before"
    case (nil, let to?): "the tokens part at position \(to), nowhere before"
    case (let from, nil): "the tokens no longer part, at position \(from.map(String.init) ?? "-") before"
    }
  }
}
