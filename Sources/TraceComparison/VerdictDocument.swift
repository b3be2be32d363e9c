import TraceFormat

/// A verdict for machines: one JSON object, schema `tracediff/1`.
public struct VerdictDocument: Sendable {
  private let value: JSONValue

  /// The document of a comparison.
  ///
  /// - Parameters:
  ///   - expectedPath: the expected trace, as it was named.
  ///   - actualPath: the actual trace, as it was named.
  public init(_ verdict: Verdict, expectedPath: String, actualPath: String) {
    func side(_ path: String, _ producer: String) -> JSONValue {
      .object([("file", .string(path)), ("producer", .string(producer))])
    }
    let status = Int(verdict.exitStatus)
    value = .object([
      ("schema", .string(Self.schema)),
      ("verdict", .string(verdict.outcome.rawValue)),
      ("exit_status", .integer(status)),
      ("summary", .string(verdict.headline)),
      ("expected", side(expectedPath, verdict.producers.expected)),
      ("actual", side(actualPath, verdict.producers.actual)),
      ("tolerance", Self.value(verdict.tolerance)),
      (
        "compared",
        .object([("records", .integer(verdict.comparedRecords)), ("elements", .integer(verdict.comparedElements))])
      ),
      ("differing_records", .integer(verdict.differingRecords)),
      ("divergent_records", .integer(verdict.divergentRecords)),
      (
        "unmatched",
        .object([
          ("expected", Self.list(verdict.unmatchedExpected, Self.value)),
          ("actual", Self.list(verdict.unmatchedActual, Self.value)),
          ("expected_count", .integer(verdict.unmatchedExpected.count)),
          ("actual_count", .integer(verdict.unmatchedActual.count)),
        ])
      ),
      ("shape_mismatches", Self.list(verdict.shapeMismatches, Self.value)),
      ("shape_mismatch_count", .integer(verdict.shapeMismatches.count)),
      ("tokens_part_at", JSONValue(verdict.tokensPart?.position)),
      ("tokens_part", verdict.tokensPart.map(Self.value) ?? .null),
      ("first_difference", verdict.firstDifference.map(Self.value) ?? .null),
      ("first_divergence", verdict.firstDivergence.map(Self.value) ?? .null),
      ("worst", verdict.worst.map(Self.value) ?? .null),
      ("min_rtol", JSONValue(verdict.smallestRtol)),
      ("token_flip", verdict.tokenFlip.map(Self.value) ?? .null),
      ("travel", .array((verdict.travel.rows.prefix(100) + verdict.travel.laterPositions).map(Self.value))),
      ("configuration_conflicts", .array(verdict.headers.conflicts.map { .string($0) })),
      ("problems", Self.list(verdict.problems, Self.value)),
      ("problem_count", .integer(verdict.problems.count)),
      ("notes", .array((verdict.headers.notes + verdict.notes).map { .string($0) })),
    ])
  }

  /// The document of a comparison that could not begin, since a trace cannot be read at all.
  ///
  /// - Parameter problems: which trace, and why.
  public init(problems: [Verdict.Problem], expectedPath: String, actualPath: String) {
    let nothing = JSONValue.object([("records", .integer(0)), ("elements", .integer(0))])
    let unmatched = JSONValue.object([
      ("expected", .array([])), ("actual", .array([])), ("expected_count", .integer(0)), ("actual_count", .integer(0)),
    ])
    value = .object([
      ("schema", .string(Self.schema)),
      ("verdict", .string(Verdict.Outcome.incomparable.rawValue)),
      ("exit_status", .integer(2)),
      ("expected", .object([("file", .string(expectedPath)), ("producer", .null)])),
      ("actual", .object([("file", .string(actualPath)), ("producer", .null)])),
      ("compared", nothing),
      ("unmatched", unmatched),
      ("tokens_part_at", .null),
      ("first_difference", .null),
      ("first_divergence", .null),
      ("problems", .array(problems.map(Self.value))),
      ("problem_count", .integer(problems.count)),
      ("notes", .array([])),
    ])
  }

  private static let schema = "tracediff/1"

  /// The document as JSON, with a newline at its end.
  public var text: String { value.text + "\n" }

  private static func list<Element>(_ listing: Listing<Element>, _ value: (Element) -> JSONValue) -> JSONValue {
    .array(listing.entries.map(value))
  }
}
