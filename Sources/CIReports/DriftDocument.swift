import JSONText
package import TraceFormat
import TraceComparison

/// What `history show` says, for machines: one JSON object, schema `tracediff.history.show/1`.
package struct DriftDocument {
  private static let listingLimit = 100

  /// The object, on one line.
  package let text: String

  /// The document of a history. Of commits the last 100 are listed, of moves and of changes of scope the latest 100.
  ///
  /// - Parameters:
  ///   - path: the history's file, as it was named.
  ///   - filter: whose names are shown.
  package init(_ history: DriftHistory, path: String, filter: RecordFilter = RecordFilter()) {
    let moves = DriftMove.all(history.entries) { filter.wants(name: $0) }
    let scopes = DriftScopeChange.all(history.entries)
    let entries = history.entries.suffix(Self.listingLimit).map { entry in
      var entry = entry
      entry.sites.removeAll { !filter.wants(name: $0.name) }
      return entry.json
    }
    text =
      JSONValue.object([
        ("schema", .string("tracediff.history.show/1")), ("file", .string(path)),
        ("tokens_part_at", JSONValue(history.entries.last?.tokensPartAt)),
        ("commits", .array(entries)), ("commit_count", .integer(history.entries.count)),
        ("moves", .array(moves.prefix(Self.listingLimit).map(Self.value))), ("move_count", .integer(moves.count)),
        ("scope_changes", .array(scopes.prefix(Self.listingLimit).map(Self.value))),
        ("scope_change_count", .integer(scopes.count)),
      ]).text + "\n"
  }

  private static func value(_ scope: DriftScopeChange) -> JSONValue {
    let (tokens, records) = (scope.tokensPartAt, scope.records)
    return .object([
      ("commit", .string(scope.commit)), ("previous", .string(scope.previous)),
      ("tokens_part_at", .object([("from", JSONValue(tokens.from)), ("to", JSONValue(tokens.to))])),
      ("records", .object([("from", .integer(records.from)), ("to", .integer(records.to))])),
    ])
  }

  private static func value(_ move: DriftMove) -> JSONValue {
    .object([
      ("commit", .string(move.commit)), ("previous", .string(move.previous)), ("site", .string(move.name)),
      ("from", JSONValue(move.from)), ("to", JSONValue(move.to)), ("factor", JSONValue(move.factor)),
      ("layer", JSONValue(move.layer)), ("position", JSONValue(move.position)),
    ])
  }
}
