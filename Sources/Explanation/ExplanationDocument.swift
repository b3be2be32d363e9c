import JSONText
import TraceComparison
import TraceFormat

/// An explanation for machines: one JSON object, schema `tracediff.explain/1`.
package struct ExplanationDocument {
  private static let listingLimit = 100
  private let fields: [(String, JSONValue)]

  /// The document of an explanation.
  ///
  /// - Parameter oneProblem: why there is no explanation at all; the rest is then empty.
  package init(_ explanation: Explanation = Explanation(), path: String, modelPath: String, oneProblem: String? = nil) {
    var explanation = explanation
    if let oneProblem { explanation.problems.append(oneProblem) }
    func value(_ finding: Explanation.Finding?) -> JSONValue { finding.map(Self.value) ?? .null }
    fields = [
      ("schema", .string("tracediff.explain/1")), ("verdict", .string(explanation.verdict.rawValue)),
      ("exit_status", .integer(Int(explanation.exitStatus))), ("summary", .string(oneProblem ?? explanation.headline)),
      ("trace", .string(path)), ("model", .string(modelPath)), ("producer", .string(explanation.producer)),
      (
        "checked",
        .object([
          ("records", .integer(explanation.checkedRecords)), ("elements", .integer(explanation.checkedElements)),
        ])
      ),
      ("unchecked", .array(explanation.unchecked.prefix(Self.listingLimit).map(Self.value))),
      ("unchecked_count", .integer(explanation.unchecked.count)),
      ("unchecked_records", .integer(explanation.uncheckedRecords)),
      ("worst_ratio", .number(explanation.worst?.judgement.ratio ?? 0)), ("worst", value(explanation.worst)),
      ("first", value(explanation.first)),
      ("faults", .array(explanation.faults.prefix(Self.listingLimit).map { Self.value($0, explanation.isQuantized) })),
      ("fault_count", .integer(explanation.faults.count)),
      ("sites", .array(Site.allCases.compactMap { site in explanation.sites[site].map { Self.value(site, $0) } })),
      ("problems", .array(explanation.problems.entries.map { .string($0) })),
      ("problem_count", .integer(explanation.problems.count)),
      ("constants", .array(explanation.constants.map { .string($0) })),
      ("notes", .array(explanation.notes.map { .string($0) })),
      ("expected", explanation.expected.map(Self.value) ?? .null),
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

  private static func value(_ fault: Explanation.Fault, _ isQuantized: Bool) -> JSONValue {
    func value(_ cause: Explanation.CauseFinding) -> JSONValue {
      .object([
        ("id", .string(cause.id)), ("title", .string(cause.title)), ("formula", JSONValue(cause.formula)),
      ])
    }
    return .object([
      ("site", .string(fault.site.rawValue)),
      ("operation", .string(fault.site.operation(quantized: isQuantized).kind.rawValue)),
      ("formula", .string(fault.site.operation(quantized: isQuantized).formula)),
      ("through", .array(fault.through.map { .string($0.rawValue) })),
      ("layers", .array(fault.layers.prefix(listingLimit).map { .integer($0) })),
      ("layer_count", .integer(fault.layers.count)),
      ("positions", .array(fault.positions.prefix(listingLimit).map { .integer($0) })),
      ("position_count", .integer(fault.positions.count)),
      ("heads", fault.heads.map { .array($0.prefix(listingLimit).map { .integer($0) }) } ?? .null),
      ("head_count", JSONValue(fault.heads?.count)),
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
      ("elements", JSONValue(entry.elements)), ("layer_count", .integer(entry.layers.count)),
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
      ("problem", JSONValue(split.problem)),
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
