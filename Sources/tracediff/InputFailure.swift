import TraceComparison

/// Why a check cannot be done: what it was to compare cannot be read or used.
struct InputFailure: Error, CustomStringConvertible {
  /// Which side, and why; messages name the file. At least one.
  let problems: [Verdict.Problem]

  /// What is wrong with some of the inputs.
  init(_ problems: [Verdict.Problem]) { self.problems = problems }

  /// What is wrong with one side; of a golden and a trace, the golden is the expected one.
  init(_ side: Side, _ message: String) { problems = [Verdict.Problem(side: side, message: message)] }

  /// The first problem, in one line.
  var description: String { problems.first?.message ?? "a trace cannot be read" }
}
