import JSONText
package import TraceComparison
import TraceFormat

/// What a golden command did, for machines: one JSON object, schema `tracediff.golden/1`.
package struct GoldenDocument: Sendable {
  /// The commands.
  package enum Command: String, Sendable {
    /// A golden was recorded.
    case record
    /// A trace was checked.
    case check
    /// A golden was recorded anew.
    case update
  }

  private let value: JSONValue
  private typealias Fields = [(String, JSONValue)]
  private static let schema = "tracediff.golden/1"

  /// The document as JSON, with a newline at its end.
  package var text: String { value.text + "\n" }

  /// The document of a recording.
  ///
  /// - Parameters:
  ///   - goldenPath: the golden, as it was named.
  ///   - actualPath: the trace, as it was named.
  package init(recorded golden: Golden, goldenPath: String, actualPath: String) {
    let fields: Fields = [
      ("exit_status", .integer(0)),
      ("golden", Self.file(goldenPath, golden.header.producer)),
      ("actual", Self.file(actualPath, golden.header.producer)),
      ("recorded", Self.counts(records: golden.recordCount, elements: golden.elementCount)),
      ("token_count", .integer(golden.tokens.count)), ("byte_count", .integer(golden.text.utf8.count)),
      ("problems", .array([])), ("problem_count", .integer(0)),
    ]
    value = .object(Self.heading(.record) + fields)
  }

  /// The document of a check.
  package init(_ verdict: GoldenVerdict, goldenPath: String, actualPath: String) {
    value = .object(Self.heading(.check) + Self.fields(verdict, goldenPath, actualPath))
  }

  /// The document of an update.
  package init(_ update: GoldenUpdate, goldenPath: String, actualPath: String) {
    var fields = Self.fields(update.verdict, goldenPath, actualPath)
    // Whatever moved, the update succeeded.
    for index in fields.indices where fields[index].0 == "exit_status" { fields[index].1 = .integer(0) }
    fields += [
      ("changed", .bool(update.isChanged)), ("line_count", .integer(update.lineCount)),
      ("changed_lines", .integer(update.changedLines)), ("removed_lines", .integer(update.removedLines)),
    ]
    value = .object(Self.heading(.update) + fields)
  }

  /// The document of a command that could not do its work, since a file cannot be read or used.
  ///
  /// - Parameter problems: which side, and why; the golden is the expected one.
  package init(_ command: Command, problems: [Verdict.Problem], goldenPath: String, actualPath: String) {
    var fields: Fields = [("exit_status", .integer(2))]
    if command != .record { fields.append(("verdict", .string(Verdict.Outcome.incomparable.rawValue))) }
    fields += [("golden", Self.file(goldenPath, nil)), ("actual", Self.file(actualPath, nil))]
    if command == .record {
      fields.append(("recorded", Self.counts(records: 0, elements: 0)))
    } else {
      fields += [
        ("compared", Self.counts(records: 0, elements: 0)), ("first_difference", .null), ("first_divergence", .null),
        ("tokens_part_at", .null),
      ]
    }
    fields += [
      ("problems", .array(problems.map { VerdictDocument.value($0) })), ("problem_count", .integer(problems.count)),
    ]
    value = .object(Self.heading(command) + fields)
  }

  private static func heading(_ command: Command) -> Fields {
    [("schema", .string(schema)), ("command", .string(command.rawValue))]
  }

  private static func file(_ path: String, _ producer: String?) -> JSONValue {
    .object([("file", .string(path)), ("producer", JSONValue(producer))])
  }

  private static func counts(records: Int, elements: Int) -> JSONValue {
    .object([("records", .integer(records)), ("elements", .integer(elements))])
  }

  private static func fields(_ verdict: GoldenVerdict, _ goldenPath: String, _ actualPath: String) -> Fields {
    let heading: Fields = [
      ("verdict", .string(verdict.outcome.rawValue)), ("exit_status", .integer(Int(verdict.exitStatus))),
      ("summary", .string(verdict.headline)), ("golden", file(goldenPath, verdict.producers.expected)),
      ("actual", file(actualPath, verdict.producers.actual)), ("tolerance", tolerance(verdict.tolerance)),
    ]
    return heading + counts(verdict) + places(verdict) + remarks(verdict)
  }

  private static func tolerance(_ tolerance: Tolerance) -> JSONValue {
    guard case .object(let fields) = VerdictDocument.value(tolerance) else { return .null }
    let kept = fields.filter { $0.0 != "ulp" && $0.0 != "inequality" }
    return .object(kept + [("inequality", .string(GoldenReport.inequality))])
  }

  private static func counts(_ verdict: GoldenVerdict) -> Fields {
    let (expected, actual) = (verdict.unmatched.expected.list, verdict.unmatched.actual.list)
    return [
      ("compared", counts(records: verdict.comparedRecords, elements: verdict.comparedElements)),
      ("differing_records", .integer(verdict.differingRecords)),
      ("equal_in_other_dtype_records", .integer(verdict.equalInOtherTypeRecords)),
      ("divergent_records", .integer(verdict.divergentRecords)),
      (
        "unmatched",
        .object([
          ("expected", .array(expected.entries.map { VerdictDocument.value($0) })),
          ("actual", .array(actual.entries.map { VerdictDocument.value($0) })),
          ("expected_count", .integer(expected.count)), ("actual_count", .integer(actual.count)),
        ])
      ),
      ("shape_mismatches", .array(verdict.shapeMismatches.entries.map { VerdictDocument.value($0) })),
      ("shape_mismatch_count", .integer(verdict.shapeMismatches.count)),
    ]
  }

  private static func places(_ verdict: GoldenVerdict) -> Fields {
    let sites = SiteMovement.all(verdict.cases)
    return [
      ("tokens_part_at", JSONValue(verdict.tokensPart?.position)),
      ("tokens_part", verdict.tokensPart.map { VerdictDocument.value($0) } ?? .null),
      ("first_difference", verdict.firstDifference.map { finding($0) } ?? .null),
      ("first_divergence", verdict.firstDivergence.map { finding($0) } ?? .null),
      ("worst", verdict.worst.map { finding($0) } ?? .null),
      ("sites", .array(sites.prefix(100).map { movement($0) })), ("site_count", .integer(sites.count)),
    ]
  }

  private static func movement(_ site: SiteMovement) -> JSONValue {
    .object([
      ("site", .string(site.name.text)), ("records", .integer(site.recordCount)),
      ("differing_records", .integer(site.differingRecords)),
      ("divergent_records", .integer(site.divergentRecords)), ("worst", finding(site.worst)),
    ])
  }

  private static func finding(_ finding: GoldenFinding) -> JSONValue {
    let result = finding.comparison
    let types =
      finding.expectedType == finding.actualType
      ? finding.expectedType.name : "\(finding.expectedType.name)/\(finding.actualType.name)"
    return .object(
      VerdictDocument.place(finding.key) + [
        ("token", JSONValue(finding.token?.id)),
        ("token_text", JSONValue(finding.token?.text.map { String(decoding: $0, as: UTF8.self) })),
        ("shape", VerdictDocument.shape(finding.shape)), ("dtype", .string(types)),
        ("error", .number(result.hasNonFiniteMismatch ? .nan : result.error)),
        ("scaled_error", JSONValue(result.hasNonFiniteMismatch ? .nan : result.scaledError)),
        ("ulp_error", JSONValue(result.hasNonFiniteMismatch ? .nan : result.ulps)),
        ("resolution", .number(result.resolution)), ("allowance", .number(result.allowance)),
        ("ratio", .number(result.ratio)), ("beyond", .bool(!result.passes)),
        ("expected_rms", .number(result.expectedRMS)), ("actual_rms", .number(result.actualRMS)),
        ("expected_fingerprint", .string(hexadecimal(finding.fingerprints.expected))),
        ("actual_fingerprint", .string(hexadecimal(finding.fingerprints.actual))),
        (
          "non_finite",
          .object([
            ("expected", .integer(result.nonFinite.expected)), ("actual", .integer(result.nonFinite.actual)),
            ("mismatched", .bool(result.hasNonFiniteMismatch)),
          ])
        ),
      ])
  }

  private static func remarks(_ verdict: GoldenVerdict) -> Fields {
    let notes = verdict.headers.notes + verdict.notes
    return [
      ("configuration_conflicts", .array(verdict.headers.conflicts.map { .string($0) })),
      ("problems", .array(verdict.problems.entries.map { VerdictDocument.value($0) })),
      ("problem_count", .integer(verdict.problems.count)), ("notes", .array(notes.map { .string($0) })),
    ]
  }
}
