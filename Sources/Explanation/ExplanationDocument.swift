import TraceComparison
import TraceFormat

/// An explanation for machines: one JSON object, schema `tracediff.explain/1`.
package struct ExplanationDocument {
  private static let listingLimit = 100
  private let fields: [(String, JSONValue)]

  /// The document of an explanation.
  package init(_ explanation: Explanation, path: String, modelPath: String) {
    func value(_ finding: Explanation.Finding?) -> JSONValue { finding.map(Self.value) ?? .null }
    fields = [
      ("schema", .string("tracediff.explain/1")), ("verdict", .string(explanation.verdict.rawValue)),
      ("exit_status", .integer(Int(explanation.exitStatus))), ("summary", .string(explanation.headline)),
      ("trace", .string(path)), ("model", .string(modelPath)), ("producer", .string(explanation.producer)),
      (
        "checked",
        .object([
          ("records", .integer(explanation.checkedRecords)), ("elements", .integer(explanation.checkedElements)),
        ])
      ),
      ("unchecked", .array(explanation.unchecked.prefix(Self.listingLimit).map(Self.value))),
      ("unchecked_count", .integer(explanation.unchecked.reduce(0) { $0 + $1.records })),
      ("worst_ratio", .number(explanation.worst?.judgement.ratio ?? 0)), ("worst", value(explanation.worst)),
      ("first", value(explanation.faults.first?.first)),
      ("faults", .array(explanation.faults.prefix(Self.listingLimit).map(Self.value))),
      ("fault_count", .integer(explanation.faults.count)),
      ("sites", .array(Site.allCases.compactMap { site in explanation.sites[site].map { Self.value(site, $0) } })),
      ("problems", .array(explanation.problems.prefix(Self.listingLimit).map { .string($0) })),
      ("problem_count", .integer(explanation.problems.count)),
      ("notes", .array(explanation.notes.map { .string($0) })),
      ("expected", explanation.expected.map(Self.value) ?? .null),
    ]
  }

  /// The document of a trace that cannot be explained at all.
  package init(problem: String, path: String, modelPath: String) {
    fields = [
      ("schema", .string("tracediff.explain/1")), ("verdict", .string(Explanation.Verdict.unchecked.rawValue)),
      ("exit_status", .integer(2)), ("summary", .string(problem)), ("trace", .string(path)),
      ("model", .string(modelPath)),
      ("checked", .object([("records", .integer(0)), ("elements", .integer(0))])), ("unchecked", .array([])),
      ("unchecked_count", .integer(0)), ("worst_ratio", .number(0)), ("worst", .null), ("first", .null),
      ("faults", .array([])), ("fault_count", .integer(0)), ("sites", .array([])),
      ("problems", .array([.string(problem)])),
      ("problem_count", .integer(1)), ("notes", .array([])), ("expected", .null),
    ]
  }

  /// The object, on one line.
  package var text: String { JSONValue.object(fields).text + "\n" }

  private static func value(_ finding: Explanation.Finding) -> JSONValue {
    let judgement = finding.judgement
    return .object([
      ("site", .string(finding.key.name.text)), ("layer", JSONValue(finding.key.layer)),
      ("position", .integer(finding.key.position)), ("index", .array(finding.index.map { .integer($0) })),
      ("expected", .number(judgement.expected)), ("actual", .number(judgement.actual)),
      ("bound", .number(judgement.bound)), ("ratio", .number(judgement.ratio)),
      ("dtype", .string(finding.type.name)), ("shape", .array(finding.shape.dimensions.map { .integer($0) })),
      ("mismatched", .integer(judgement.faulty)), ("elements", .integer(judgement.count)),
    ])
  }

  private static func value(_ fault: Explanation.Fault) -> JSONValue {
    func value(_ cause: Explanation.CauseFinding) -> JSONValue {
      .object([
        ("id", .string(cause.id)), ("title", .string(cause.title)), ("formula", JSONValue(cause.formula)),
      ])
    }
    return .object([
      ("site", .string(fault.site.rawValue)),
      ("operation", .string(fault.site.operation(quantized: false).kind.rawValue)),
      ("layers", .array(fault.layers.prefix(listingLimit).map { .integer($0) })),
      ("layer_count", .integer(fault.layers.count)),
      ("positions", .array(fault.positions.prefix(listingLimit).map { .integer($0) })),
      ("position_count", .integer(fault.positions.count)),
      ("heads", fault.heads.map { .array($0.prefix(listingLimit).map { .integer($0) }) } ?? .null),
      ("records", .integer(fault.records)), ("checked", .integer(fault.checked)), ("first", Self.value(fault.first)),
      ("cause", fault.causes.first.map(value) ?? .null), ("causes", .array(fault.causes.map(value))),
      ("precision", JSONValue(fault.precision)), ("evidence", .array(fault.evidence.map { .string($0) })),
    ])
  }

  private static func value(_ site: Site, _ summary: Explanation.SiteSummary) -> JSONValue {
    .object([
      ("site", .string(site.rawValue)), ("records", .integer(summary.records)),
      ("elements", .integer(summary.elements)), ("worst_ratio", .number(summary.worst?.judgement.ratio ?? 0)),
      ("distribution", .array(summary.distribution.map { .integer($0) })),
    ])
  }

  private static func value(_ entry: Explanation.Unchecked) -> JSONValue {
    .object([
      ("site", .string(entry.name.text)), ("reason", .string(entry.reason)), ("records", .integer(entry.records)),
      ("layers", .array(entry.layers.sorted().prefix(listingLimit).map { .integer($0) })),
      ("positions", .array([.integer(entry.positions.lowerBound), .integer(entry.positions.upperBound)])),
    ])
  }

  private static func value(_ split: ExpectedSplit) -> JSONValue {
    func fields(_ errors: ExpectedSplit.Errors) -> [(String, JSONValue)] {
      [
        ("total", .number(errors.total)), ("local", .number(errors.local)), ("inherited", .number(errors.inherited)),
      ]
    }
    return .object([
      ("producer", .string(split.producer)), ("records", .integer(split.records)), ("missing", .integer(split.missing)),
      ("tokens_part_at", JSONValue(split.tokensPart)),
      (
        "sites",
        .array(
          Site.allCases.compactMap { site in
            split.sites[site].map { .object([("site", .string(site.rawValue))] + fields($0)) }
          })
      ),
      ("logits_compared", .integer(split.logits.compared)), ("logits_beyond_tolerance", .integer(split.logits.beyond)),
      ("passed_by_tolerance", .integer(split.passedByTolerance.values.reduce(0, +))),
      (
        "flips",
        .array(
          split.flips.map { flip in
            .object([
              ("position", .integer(flip.position)), ("expected", .integer(flip.expected)),
              ("actual", .integer(flip.actual)), ("margin", .number(flip.margin)), ("bound", .number(flip.bound)),
              ("near_tie", .bool(flip.isNearTie)),
            ])
          })
      ), ("flip_count", .integer(split.flipCount)),
    ])
  }
}
