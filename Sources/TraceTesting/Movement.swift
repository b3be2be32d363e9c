/// What recording a reference anew changed.
struct Movement {
  /// Whether anything did.
  let isChanged: Bool
  /// The report, given the name of the trace.
  let report: (String) -> String
}
