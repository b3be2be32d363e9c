package import JSONText
package import TraceFormat

extension VerdictDocument {
  package static func place(_ key: RecordKey) -> [(String, JSONValue)] {
    [
      ("site", .string(key.name.text)), ("layer", JSONValue(key.layer)), ("position", .integer(key.position)),
    ]
  }

  package static func value(_ tolerance: Tolerance) -> JSONValue {
    func overrides(_ list: [Tolerance.Override]) -> JSONValue {
      .array(list.map { .object([("sites", .string($0.pattern.text)), ("value", .number($0.value))]) })
    }
    return .object([
      ("rtol", .number(tolerance.rtol)), ("atol", .number(tolerance.atol)), ("ulp", JSONValue(tolerance.ulp)),
      ("exact", .bool(tolerance.isExact)), ("rtol_overrides", overrides(tolerance.rtolOverrides)),
      ("atol_overrides", overrides(tolerance.atolOverrides)), ("inequality", .string(Tolerance.inequality)),
    ])
  }

  package static func value(_ record: UnmatchedRecord) -> JSONValue {
    .object(
      place(record.key) + [
        ("reason", .string(record.reason.rawValue)), ("did_you_mean", JSONValue(record.suggestion)),
      ])
  }

  package static func value(_ mismatch: Verdict.ShapeMismatch) -> JSONValue {
    .object(
      place(mismatch.key) + [
        ("expected_shape", shape(mismatch.expected)), ("actual_shape", shape(mismatch.actual)),
      ])
  }

  package static func value(_ problem: Verdict.Problem) -> JSONValue {
    .object([("trace", JSONValue(problem.side?.rawValue)), ("message", .string(problem.message))])
  }

  package static func value(_ parting: TokenParting) -> JSONValue {
    .object([
      ("position", .integer(parting.position)), ("expected", JSONValue(parting.expected?.id)),
      ("actual", JSONValue(parting.actual?.id)),
    ])
  }

  static func value(_ flip: TokenFlip) -> JSONValue {
    .object([
      ("position", .integer(flip.position)), ("expected", .integer(flip.expected)), ("actual", .integer(flip.actual)),
      ("margin", .number(flip.margin)),
    ])
  }

  static func value(_ row: Travel.Row) -> JSONValue {
    .object(
      place(row.key) + [
        ("scaled_error", .number(row.nonFiniteMismatches > 0 ? .nan : row.scaledError)), ("ratio", .number(row.ratio)),
        ("mismatched", .integer(row.beyond)), ("non_finite", .integer(row.nonFiniteMismatches)),
        ("elements", .integer(row.elementCount)),
      ])
  }

  static func value(_ finding: Finding) -> JSONValue {
    let result = finding.comparison
    let worst = result.worst
    let types =
      finding.expectedType == finding.actualType
      ? finding.expectedType.name : "\(finding.expectedType.name)/\(finding.actualType.name)"
    let elementFields: [(String, JSONValue)] = [
      ("index", .array(finding.index.map { .integer($0) })),
      ("expected", JSONValue(worst?.expected)),
      ("actual", JSONValue(worst?.actual)),
      ("head", JSONValue(finding.head)),
      ("head_element", JSONValue(finding.headElement)),
      ("abs_error", JSONValue(worst?.absoluteError)),
      ("rel_error", JSONValue(worst?.relativeError)),
      ("ulp_error", worst?.ulpError.map { .unsigned($0) } ?? .null),
      ("allowance", JSONValue(worst?.allowance)),
      ("ratio", JSONValue(worst?.ratio)),
    ]
    let recordFields: [(String, JSONValue)] = [
      ("token", JSONValue(finding.token?.id)),
      ("token_text", JSONValue(finding.token?.text.map { String(decoding: $0, as: UTF8.self) })),
      ("shape", shape(finding.shape)),
      ("dtype", .string(types)),
      ("mismatched", .integer(result.beyond)),
      ("differing", .integer(result.differing)),
      ("elements", .integer(result.elementCount)),
      ("rms", .number(result.expected.rms)),
      ("error_rms", .number(result.errorRMS)),
      ("max_abs_error", .number(result.greatestAbsoluteError)),
      ("max_rel_error", .number(result.greatestRelativeError)),
      ("max_ulp_error", .unsigned(result.greatestUlpError)),
      ("min_rtol", JSONValue(result.smallestRtol)),
      ("min_atol", JSONValue(result.smallestAtol)),
      ("min_ulp", result.smallestUlp.map { .unsigned($0) } ?? .null),
      ("non_finite", nonFinite(result)),
    ]
    return .object(place(finding.key) + elementFields + recordFields)
  }

  private static func nonFinite(_ result: RecordComparison) -> JSONValue {
    func counts(_ summary: PayloadSummary) -> JSONValue {
      .object([("nan", .integer(summary.nanCount)), ("inf", .integer(summary.infinityCount))])
    }
    return .object([
      ("expected", counts(result.expected)), ("actual", counts(result.actual)),
      ("mismatched", .integer(result.nonFiniteMismatches)),
    ])
  }

  package static func shape(_ shape: TensorShape) -> JSONValue { .array(shape.dimensions.map { .integer($0) }) }
}
