import CIReports
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// `tracediff EXPECTED ACTUAL`.
enum ComparisonCommand {
  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    var options = ComparisonOptions()
    let command = ComparisonOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      guard operands.count >= 2 else {
        throw UsageError("two traces are needed, EXPECTED and ACTUAL, not \(operands.count); see --help")
      }
      let paths = operands.map(\.path)
      return try compare([paths[0]], Array(paths.dropFirst()), options, tolerance: try options.tolerance())
    }
  }

  private static func compare(
    _ expected: [String], _ actual: [String], _ options: ComparisonOptions, tolerance: Tolerance
  ) throws -> ExitStatus {
    var problems: [Verdict.Problem] = []
    let pair = TracePair(expected, actual, &problems)
    let inputs = (pair?.inputs ?? expected + actual) + options.mapping.paths + (options.oraclePath.map { [$0] } ?? [])
    try options.reports.requireApart(jsonPath: options.jsonPath, inputs: inputs)
    let isQuiet = try options.jsonPath.map { try Tool.isStandardOutput($0) } ?? false
    let names = (TraceOperands.name(of: expected), TraceOperands.name(of: actual))
    let reporter = CheckReporter(
      options.reports, tool: Program.name, subject: "\(names.0) \(names.1)", isQuiet: isQuiet)
    let document = { VerdictDocument(problems: $0, expectedPath: names.0, actualPath: names.1).text }
    return try reporter.run(orWrite: document, to: options.jsonPath) {
      guard var pair else { throw InputFailure(problems) }
      try options.apply(to: &pair)
      return try compare(pair, options, tolerance, isQuiet: isQuiet, reporter)
    }
  }

  private static func compare(
    _ pair: TracePair, _ options: ComparisonOptions, _ tolerance: Tolerance, isQuiet: Bool, _ reporter: CheckReporter
  ) throws -> ExitStatus {
    let comparison = Comparison(
      tolerance: tolerance, filter: options.filter, comparesCommonOnly: options.comparesCommonOnly,
      stopsAtFirst: options.stopsAtFirst)
    var problems: [Verdict.Problem] = []
    var divergences = options.listsAll ? [Finding]() : nil
    // Of a trace that can be read only once, divergences are listed as they come.
    let live = options.listsAll && pair.isLive && !isQuiet ? DivergenceListing() : nil
    let verdict = pair.compare(comparison, &problems) { finding in
      if (divergences?.count ?? Int.max) < Listing<Finding>.capacity { divergences?.append(finding) }
      live?.add(finding)
    }
    let names = (pair.expected.name, pair.actual.name)
    guard let verdict else { throw InputFailure(problems) }
    try live?.finish()
    try verdict.unused.requireNone(in: "either trace")

    var oracle: OracleComparison?
    var oracleProblem: String?
    if let oraclePath = options.oraclePath {
      do throws(ToolError) {
        oracle = try judge(pair, oraclePath: oraclePath, options)
      } catch { oracleProblem = error.description }
    }
    if !isQuiet {
      try printReport(verdict, oracle, pair, listsAll: options.listsAll && live == nil, comparison, reporter)
    }
    if let jsonPath = options.jsonPath {
      let document = VerdictDocument(
        verdict, expectedPath: names.0, actualPath: names.1, divergences: divergences, oracle: oracle,
        oracleProblem: oracleProblem)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
    try reporter.report(
      CheckSummary(verdict, tool: reporter.tool, subject: reporter.subject, oracleProblem: oracleProblem))
    let status = ExitStatus(rawValue: verdict.exitStatus(oracleProblem: oracleProblem)) ?? .trouble
    if let oracleProblem {
      Tool.diagnose(Program.name, oracleProblem)
    } else if status == .trouble {
      Tool.diagnose(Program.name, verdict.headline)
    }
    return status
  }

  /// Judges both traces by a third.
  private static func judge(
    _ pair: TracePair, oraclePath: String, _ options: ComparisonOptions
  ) throws(ToolError) -> OracleComparison {
    let oracle = try openTrace(resolve([oraclePath]))
    guard oracle.isComplete, oracle.problems.isEmpty else {
      throw .failed(
        "\(oraclePath): the oracle is not a whole trace: \(oracle.problems.first?.description ?? "it has no tail")")
    }
    var expected = try openTrace(pair.expected)
    let actual = try openTrace(pair.actual)
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
    _ verdict: Verdict, _ oracle: OracleComparison?, _ pair: TracePair, listsAll: Bool, _ comparison: Comparison,
    _ reporter: CheckReporter
  ) throws {
    let output = OutputWriter.standardOutput()
    try reporter.print(to: output) {
      output.write(Report(verdict, expectedPath: pair.expected.name, actualPath: pair.actual.name).text)
      if let oracle { output.write("\n\(oracle.text)") }
      if listsAll, verdict.divergentRecords > 0 {
        output.line("\nAll records beyond tolerance: \(verdict.divergentRecords)")
        // They are found again in a second pass, so that a list of any length needs no memory.
        var problems: [Verdict.Problem] = []
        _ = pair.compare(comparison, &problems) { output.line("  " + Report.line($0)) }
        if let problem = problems.first { throw ToolError.failed(problem.message) }
      }
    }
    try output.finish()
  }
}

/// Lists records beyond tolerance while they are found, before anything else is known.
private final class DivergenceListing {
  private let output = OutputWriter.standardOutput()
  private var isBegun = false

  func add(_ finding: Finding) {
    if !isBegun { output.line("Records beyond tolerance, as they come:") }
    isBegun = true
    output.line("  " + Report.line(finding))
    output.flush()
  }

  func finish() throws(ToolError) {
    if isBegun { output.line() }
    try output.finish()
  }
}
