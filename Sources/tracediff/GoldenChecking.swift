import CIReports
import Goldens
import ToolSupport
import TraceComparison
import TraceFormat

/// `tracediff golden check FILE TRACE`.
enum GoldenChecking {
  static func run(
    _ files: GoldenFiles, _ options: ComparisonOptions, _ tolerance: Tolerance, _ reporter: CheckReporter
  ) throws -> ExitStatus {
    let golden = try files.readGolden()
    var trace = try files.openActual()
    let check = GoldenCheck(
      tolerance: tolerance, filter: options.filter, comparesCommonOnly: options.comparesCommonOnly)
    let verdict = check.check(golden, &trace)
    try verdict.unused.requireNone(in: "the golden or the trace")
    if !files.isQuiet {
      let output = OutputWriter.standardOutput()
      try reporter.print(to: output) {
        output.write(GoldenReport(verdict, goldenPath: files.golden, actualPath: files.trace).text)
      }
      try output.finish()
    }
    try files.write(GoldenDocument(verdict, goldenPath: files.golden, actualPath: files.trace))
    try reporter.report(CheckSummary(verdict, tool: reporter.tool, subject: reporter.subject))
    if verdict.exitStatus == ExitStatus.trouble.rawValue { Tool.diagnose(Program.name, verdict.headline) }
    return ExitStatus(rawValue: verdict.exitStatus) ?? .trouble
  }
}
