import TraceComparison
import TraceFormat

/// What decides the status of a tensor at a layer, in a comparison and in a check against a golden alike.
struct CaseRules {
  /// What the two sides are called.
  let names: BySide<String>
  let problem: Verdict.Problem?
  let shapeMismatch: (first: Verdict.ShapeMismatch, count: Int)?
  let unmatched: (side: Side, first: UnmatchedRecord, count: Int)?
  /// The first record beyond tolerance, and how many there are.
  let divergence: (first: RecordKey, count: Int)?
  let recordCount: Int
  /// What was counted, in words.
  let counts: String
  let comparesCommonOnly: Bool
  /// Where the tokens part, unless the records were filtered.
  let tokensPart: TokenParting?

  /// The status, and why.
  var judgement: (CheckSummary.Status, String) {
    if let problem {
      return (.error, "\(problem.side.map { names[$0] } ?? "a trace") cannot be read: \(problem.message)")
    }
    if let (mismatch, number) = shapeMismatch {
      return (
        .error,
        "shapes differ in \(TraceComparison.count(number, "record")), first at position \(mismatch.key.position): "
          + "expected \(mismatch.expected), actual \(mismatch.actual)"
      )
    }
    if let (side, record, number) = unmatched, !comparesCommonOnly {
      return (
        .error,
        "\(names[side.other]) lacks \(TraceComparison.count(number, "record")), first at position "
          + "\(record.key.position): \(record.reason.rawValue)"
      )
    }
    if let (key, number) = divergence {
      return (
        .failed,
        "\(number) of \(TraceComparison.count(recordCount, "record")) beyond tolerance, first at position "
          + "\(key.position)"
      )
    }
    if recordCount > 0 { return (.passed, counts) }
    if let unmatched { return (.skipped, "only \(names[unmatched.side]) has it, left out by --common") }
    if let tokensPart {
      return (.skipped, "it lies behind position \(tokensPart.position), where the tokens part")
    }
    return (.skipped, "not asked for")
  }
}
