import JSONText
import TraceFormat

/// A verdict for machines: one JSON object, schema `tracediff/1`.
public struct VerdictDocument: Sendable {
  private let value: JSONValue

  /// The document of a comparison.
  ///
  /// - Parameters:
  ///   - expectedPath: the expected trace, as it was named.
  ///   - actualPath: the actual trace, as it was named.
  ///   - divergences: records beyond tolerance to list, of which the first 100 are written; nil where none were asked
  ///     for.
  ///   - oracleProblem: why the oracle could not be used.
  ///   - oracle: how the traces were judged by a third; nil where none was given.
  public init(
    _ verdict: Verdict, expectedPath: String, actualPath: String, divergences: [Finding]? = nil,
    oracle: OracleComparison? = nil, oracleProblem: String? = nil
  ) {
    let paths = (expected: expectedPath, actual: actualPath)
    var fields = Self.heading(
      verdict, paths, producers: verdict.producers, Self.value(verdict.tolerance), oracleProblem: oracleProblem)
    fields += Self.counts(verdict)
    fields += Self.places(verdict, divergences)
    fields += Self.remarks(verdict)
    fields += [("oracle", oracle?.json ?? .null), ("oracle_problem", JSONValue(oracleProblem))]
    value = .object(fields)
  }

  private typealias Fields = [(String, JSONValue)]

  private static func heading(
    _ verdict: Verdict, _ paths: (expected: String, actual: String),
    producers: (expected: String?, actual: String?), _ tolerance: JSONValue, oracleProblem: String? = nil
  ) -> Fields {
    [
      ("schema", .string(schema)),
      ("verdict", .string(verdict.outcome.rawValue)),
      ("exit_status", .integer(Int(verdict.exitStatus(oracleProblem: oracleProblem)))),
      ("summary", .string(verdict.headline)),
      ("expected", trace(paths.expected, producers.expected)),
      ("actual", trace(paths.actual, producers.actual)),
      ("tolerance", tolerance),
    ]
  }

  private static func counts(_ verdict: Verdict) -> Fields {
    let unmatched: Fields = [
      ("expected", list(verdict.unmatched.expected.list, value)),
      ("actual", list(verdict.unmatched.actual.list, value)),
      ("expected_count", .integer(verdict.unmatched.expected.count)),
      ("actual_count", .integer(verdict.unmatched.actual.count)),
    ]
    return [
      ("compared", compared(records: verdict.comparedRecords, elements: verdict.comparedElements)),
      ("differing_records", .integer(verdict.differingRecords)),
      ("equal_in_other_dtype_records", .integer(verdict.equalInOtherTypeRecords)),
      ("divergent_records", .integer(verdict.divergentRecords)),
      ("unmatched", .object(unmatched)),
      ("shape_mismatches", list(verdict.shapeMismatches, value)),
      ("shape_mismatch_count", .integer(verdict.shapeMismatches.count)),
      ("tokens_part_at", JSONValue(verdict.tokensPart?.position)),
    ]
  }

  private static func places(_ verdict: Verdict, _ divergences: [Finding]?) -> Fields {
    func finding(_ finding: Finding?) -> JSONValue { finding.map { value($0) } ?? .null }
    let listed: JSONValue = divergences.map { .array($0.prefix(100).map { value($0) }) } ?? .null
    let rows = (verdict.travel.rows + verdict.travel.laterPositions).prefix(100)
    return [
      ("stopped_at_first", .bool(verdict.isStopped)),
      ("tokens_part", verdict.tokensPart.map { value($0) } ?? .null),
      ("first_difference", finding(verdict.firstDifference)),
      ("first_divergence", finding(verdict.firstDivergence)),
      ("divergences", listed),
      ("worst", finding(verdict.worst)),
      ("min_rtol", JSONValue(verdict.smallestRtol)),
      ("min_ulp", verdict.smallestUlp.map { .unsigned($0) } ?? .null),
      ("token_flip", verdict.tokenFlip.map { value($0) } ?? .null),
      ("travel", .array(rows.map { value($0) })),
      ("travel_count", .integer(verdict.travel.rows.count + verdict.travel.laterPositionCount)),
    ]
  }

  private static func remarks(_ verdict: Verdict) -> Fields {
    let notes = verdict.headers.notes + verdict.notes
    return [
      ("configuration_conflicts", .array(verdict.headers.conflicts.map { .string($0) })),
      ("problems", list(verdict.problems, value)),
      ("problem_count", .integer(verdict.problems.count)),
      ("notes", .array(notes.map { .string($0) })),
    ]
  }

  /// The document of a comparison that could not be made.
  ///
  /// - Parameter problems: which trace, or that of an option, and why.
  public init(problems: [Verdict.Problem], expectedPath: String, actualPath: String) {
    let nobody = TraceHeader(producer: "")
    var verdict = Verdict(
      tolerance: .default, filter: RecordFilter(), comparesCommonOnly: false, producers: ("", ""),
      headers: HeaderComparison(expected: nobody, actual: nobody))
    for problem in problems { verdict.problems.append(problem) }
    (verdict.smallestRtol, verdict.smallestUlp) = (nil, nil)
    var fields = Self.heading(verdict, (expectedPath, actualPath), producers: (nil, nil), .null)
    fields += Self.counts(verdict) + Self.places(verdict, nil) + Self.remarks(verdict)
    value = .object(fields + [("oracle", .null), ("oracle_problem", .null)])
  }

  private static func trace(_ path: String, _ producer: String?) -> JSONValue {
    .object([("file", .string(path)), ("producer", JSONValue(producer))])
  }

  private static func compared(records: Int, elements: Int) -> JSONValue {
    .object([("records", .integer(records)), ("elements", .integer(elements))])
  }

  private static let schema = "tracediff/1"

  /// The document as JSON, with a newline at its end.
  public var text: String { value.text + "\n" }

  private static func list<Element>(_ listing: Listing<Element>, _ value: (Element) -> JSONValue) -> JSONValue {
    .array(listing.entries.map(value))
  }
}
