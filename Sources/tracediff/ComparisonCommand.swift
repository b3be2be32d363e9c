import CIReports
import Dispatch
import Synchronization
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
    let inputs = [paths.expected, paths.actual] + (options.oraclePath.map { [$0] } ?? [])
    try options.reports.requireApart(jsonPath: options.jsonPath, inputs: inputs)
    let isQuiet = try options.jsonPath.map { try Tool.isStandardOutput($0) } ?? false
    let reporter = CheckReporter(
      options.reports, tool: Program.name, subject: "\(paths.expected) \(paths.actual)", isQuiet: isQuiet)
    return try reporter.run { try compare(paths, options, tolerance, isQuiet: isQuiet, reporter) }
  }

  private static func compare(
    _ paths: (expected: String, actual: String), _ options: ComparisonOptions, _ tolerance: Tolerance, isQuiet: Bool,
    _ reporter: CheckReporter
  ) throws -> ExitStatus {
    var opened = openBoth(paths)
    guard let expected = opened.expected.take(), let actual = opened.actual.take() else {
      throw try unreadable(opened.problems, paths, options, reporter)
    }
    let comparison = Comparison(
      tolerance: tolerance, filter: options.filter, comparesCommonOnly: options.comparesCommonOnly)
    var divergences = options.listsAll ? [Finding]() : nil
    let verdict = comparison.compare(expected, actual) { finding in
      if (divergences?.count ?? Int.max) < Listing<Finding>.capacity { divergences?.append(finding) }
    }
    try requireUse(of: verdict)
    var oracle: OracleComparison?
    var oracleProblem: String?
    if let oraclePath = options.oraclePath {
      do throws(ToolError) {
        oracle = try judge(paths, oraclePath: oraclePath, options)
      } catch { oracleProblem = error.description }
    }
    if !isQuiet { try printReport(verdict, oracle, paths, options, comparison, reporter) }
    if let jsonPath = options.jsonPath {
      let document = VerdictDocument(
        verdict, expectedPath: paths.expected, actualPath: paths.actual, divergences: divergences, oracle: oracle,
        oracleProblem: oracleProblem)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
    try reporter.report(
      CheckSummary(verdict, tool: reporter.tool, subject: reporter.subject, oracleProblem: oracleProblem))
    if let oracleProblem {
      Tool.diagnose(Program.name, oracleProblem)
      return verdict.outcome == .diverged ? .difference : .trouble
    }
    if verdict.exitStatus == ExitStatus.trouble.rawValue { Tool.diagnose(Program.name, verdict.headline) }
    return ExitStatus(rawValue: verdict.exitStatus) ?? .trouble
  }

  /// A pattern of the options that matches no tensor is bad usage.
  static func requireUse(of verdict: Verdict) throws(UsageError) {
    let unused = [
      ("--only", verdict.unusedPatterns), ("--rtol", verdict.unusedRtolPatterns),
      ("--atol", verdict.unusedAtolPatterns),
    ]
    for (option, patterns) in unused {
      guard let pattern = patterns.first else { continue }
      throw UsageError("option '\(option)': no tensor of either trace matches '\(pattern.text)'")
    }
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
    _ options: ComparisonOptions, _ comparison: Comparison, _ reporter: CheckReporter
  ) throws {
    let output = OutputWriter.standardOutput()
    try reporter.print(to: output) {
      output.write(Report(verdict, expectedPath: paths.expected, actualPath: paths.actual).text)
      if let oracle { output.write("\n\(oracle.text)") }
      if options.listsAll, verdict.divergentRecords > 0 {
        output.line("\nAll records beyond tolerance: \(verdict.divergentRecords)")
        // They are found again in a second pass, so that a list of any length needs no memory.
        let expected = try openTrace(paths.expected)
        let actual = try openTrace(paths.actual)
        _ = comparison.compare(expected, actual) { output.line("  " + Report.line($0)) }
      }
    }
    try output.finish()
  }

  /// Two traces, each nil where it cannot be read at all, and why not.
  private struct OpenedTraces: ~Copyable {
    var expected: TraceFile?
    var actual: TraceFile?
    var problems: [Verdict.Problem] = []
  }

  /// Opens both traces at once: to check the index of a long one takes as long as to compare a part of it.
  private static func openBoth(_ paths: (expected: String, actual: String)) -> OpenedTraces {
    let opened = Mutex(OpenedTraces())
    DispatchQueue.concurrentPerform(iterations: 2) { number in
      let side: Side = number == 0 ? .expected : .actual
      do throws(ToolError) {
        var trace: TraceFile? = try openTrace(side == .expected ? paths.expected : paths.actual)
        opened.withLock { if side == .expected { $0.expected = trace.take() } else { $0.actual = trace.take() } }
      } catch {
        let problem = Verdict.Problem(side: side, message: error.description)
        opened.withLock { $0.problems.insert(problem, at: side == .expected ? 0 : $0.problems.count) }
      }
    }
    return opened.withLock {
      OpenedTraces(expected: $0.expected.take(), actual: $0.actual.take(), problems: $0.problems)
    }
  }

  /// Writes down for machines and CI that a trace cannot be read.
  ///
  /// - Returns: the error for people.
  private static func unreadable(
    _ problems: [Verdict.Problem], _ paths: (expected: String, actual: String), _ options: ComparisonOptions,
    _ reporter: CheckReporter
  ) throws(ToolError) -> ToolError {
    if let jsonPath = options.jsonPath {
      let document = VerdictDocument(
        problems: problems, expectedPath: paths.expected, actualPath: paths.actual)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
    try reporter.report(CheckSummary(problems: problems, tool: reporter.tool, subject: reporter.subject))
    return .failed(problems.first?.message ?? "a trace cannot be read")
  }
}

/// Opens a trace; what goes wrong names the file.
func openTrace(_ path: String) throws(ToolError) -> TraceFile {
  try Tool.naming(path) { () throws(TraceError) in try TraceFile(path: path) }
}
