import ToolSupport
import TraceComparison
import TraceFormat

/// `tracediff EXPECTED ACTUAL`.
enum ComparisonCommand {
  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    var options = ComparisonOptions()
    let command = ComparisonOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      guard operands.count == 2 else {
        throw UsageError("two traces are needed, EXPECTED and ACTUAL, not \(operands.count); see --help")
      }
      let paths = (expected: operands[0].path, actual: operands[1].path)
      return try compare(paths, options, tolerance: try options.tolerance())
    }
  }

  private static func compare(
    _ paths: (expected: String, actual: String), _ options: ComparisonOptions, tolerance: Tolerance
  ) throws -> ExitStatus {
    if let jsonPath = options.jsonPath {
      try Tool.requireApart(
        outputs: [jsonPath], inputs: [paths.expected, paths.actual] + (options.oraclePath.map { [$0] } ?? []))
    }
    let isQuiet = try options.jsonPath.map { try Tool.isStandardOutput($0) } ?? false
    var problems: [Verdict.Problem] = []
    var first = open(paths.expected, .expected, &problems)
    var second = open(paths.actual, .actual, &problems)
    guard var expected = first.take(), var actual = second.take() else {
      throw try unreadable(problems, paths, options)
    }
    let comparison = Comparison(
      tolerance: tolerance, filter: options.filter, comparesCommonOnly: options.comparesCommonOnly)
    var divergences = options.listsAll ? [Finding]() : nil
    let verdict = comparison.compare(&expected, &actual) { finding in
      if (divergences?.count ?? Int.max) < Listing<Finding>.capacity { divergences?.append(finding) }
    }
    let unused = [
      ("--only", verdict.unusedPatterns), ("--rtol", verdict.unusedRtolPatterns),
      ("--atol", verdict.unusedAtolPatterns),
    ]
    for (option, patterns) in unused {
      guard let pattern = patterns.first else { continue }
      throw UsageError("option '\(option)': no tensor of either trace matches '\(pattern.text)'")
    }

    var oracle: OracleComparison?
    var oracleProblem: String?
    if let oraclePath = options.oraclePath {
      do throws(ToolError) {
        oracle = try judge(paths, oraclePath: oraclePath, options)
      } catch { oracleProblem = error.description }
    }
    if !isQuiet { try printReport(verdict, oracle, paths, options, comparison) }
    if let jsonPath = options.jsonPath {
      let document = VerdictDocument(
        verdict, expectedPath: paths.expected, actualPath: paths.actual, divergences: divergences, oracle: oracle,
        oracleProblem: oracleProblem)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
    if let oracleProblem {
      Tool.diagnose(Program.name, oracleProblem)
      return verdict.outcome == .diverged ? .difference : .trouble
    }
    if verdict.exitStatus == ExitStatus.trouble.rawValue { Tool.diagnose(Program.name, verdict.headline) }
    return ExitStatus(rawValue: verdict.exitStatus) ?? .trouble
  }

  /// Judges both traces by a third.
  private static func judge(
    _ paths: (expected: String, actual: String), oraclePath: String, _ options: ComparisonOptions
  ) throws(ToolError) -> OracleComparison {
    let oracle = try openTrace(oraclePath)
    guard oracle.isComplete, oracle.problems.isEmpty else {
      throw .failed(
        "\(oraclePath): the oracle is cut short or damaged: \(oracle.problems.first?.description ?? "no tail")")
    }
    var expected = try openTrace(paths.expected)
    let actual = try openTrace(paths.actual)
    let headers = HeaderComparison(expected: expected.header, actual: oracle.header)
    if let conflict = headers.conflicts.first {
      throw .failed("\(oraclePath): the oracle was made from another model: \(conflict)")
    }
    do throws(TraceError) {
      return try OracleComparison(&expected, actual, oracle: oracle, filter: options.filter)
    } catch {
      throw .failed("cannot judge by the oracle: \(error)")
    }
  }

  private static func printReport(
    _ verdict: Verdict, _ oracle: OracleComparison?, _ paths: (expected: String, actual: String),
    _ options: ComparisonOptions,
    _ comparison: Comparison
  ) throws {
    let output = OutputWriter.standardOutput()
    output.write(Report(verdict, expectedPath: paths.expected, actualPath: paths.actual).text)
    if let oracle { output.write("\n\(oracle.text)") }
    if options.listsAll, verdict.divergentRecords > 0 {
      output.line("\nAll records beyond tolerance: \(verdict.divergentRecords)")
      // They are found again in a second pass, so that a list of any length needs no memory.
      var expected = try openTrace(paths.expected)
      var actual = try openTrace(paths.actual)
      _ = comparison.compare(&expected, &actual) { output.line("  " + Report.line($0)) }
    }
    try output.finish()
  }

  /// Opens a trace; nil and a problem where it cannot be read at all.
  private static func open(_ path: String, _ side: Side, _ problems: inout [Verdict.Problem]) -> TraceFile? {
    do throws(ToolError) {
      return try openTrace(path)
    } catch {
      problems.append(Verdict.Problem(side: side, message: error.description))
      return nil
    }
  }

  /// Writes down for machines that a trace cannot be read.
  ///
  /// - Returns: the error for people.
  private static func unreadable(
    _ problems: [Verdict.Problem], _ paths: (expected: String, actual: String), _ options: ComparisonOptions
  ) throws(ToolError) -> ToolError {
    if let jsonPath = options.jsonPath {
      let document = VerdictDocument(
        problems: problems, expectedPath: paths.expected, actualPath: paths.actual)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
    return .failed(problems.first?.message ?? "a trace cannot be read")
  }
}

/// Opens a trace; what goes wrong names the file.
func openTrace(_ path: String) throws(ToolError) -> TraceFile {
  try Tool.naming(path) { () throws(TraceError) in try TraceFile(path: path) }
}
