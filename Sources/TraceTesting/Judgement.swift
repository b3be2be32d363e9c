/// What a comparison with a reference found.
struct Judgement {
  /// Whether the trace passes.
  let passes: Bool
  /// The report, given the name of the trace.
  let report: (String) -> String
}
