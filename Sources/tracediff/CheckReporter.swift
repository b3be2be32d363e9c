import CIReports
import ToolSupport
import TraceComparison

/// Writes what `--junit` and `--github` ask for, once, whatever becomes of a check, and sees to it that `--json` is
/// written where a check ends with an error.
final class CheckReporter {
  private let reports: CheckReports
  /// The command that checks, as summaries name it.
  let tool: String
  /// What is checked, as summaries name it.
  let subject: String
  /// Whether standard output is a JSON document and nothing else.
  private let isQuiet: Bool
  private var hasReported = false

  init(_ reports: CheckReports, tool: String, subject: String, isQuiet: Bool) {
    self.reports = reports
    self.tool = tool
    self.subject = subject
    self.isQuiet = isQuiet
  }

  /// Does the check. Where it ends with an error before it has reported, the error is reported.
  ///
  /// - Parameter document: makes the JSON document that says why there was no check.
  func run(
    orWrite document: ([Verdict.Problem]) -> String, to jsonPath: String?, _ body: () throws -> ExitStatus
  ) throws -> ExitStatus {
    do { return try body() } catch ToolError.closedPipe { throw ToolError.closedPipe } catch {
      // The first error is what the user needs to see, and what it was about to be written to may be what failed.
      let inputs = (error as? InputFailure)?.problems
      if !hasReported {
        let text = document(inputs ?? [Verdict.Problem(side: nil, message: "\(error)")])
        if let jsonPath { try? Tool.write(Array(text.utf8), to: jsonPath) }
        try? report(
          inputs.map { CheckSummary(problems: $0, tool: tool, subject: subject) }
            ?? CheckSummary(tool: tool, subject: subject, trouble: "\(error)"))
      }
      throw error
    }
  }

  /// Reports a comparison or whatever else has a summary, which is made only where somebody wants it.
  ///
  /// What cannot be written keeps nothing else from being written.
  ///
  /// - Throws: the first thing that could not be written.
  func report(_ makeSummary: @autoclosure () -> CheckSummary) throws(ToolError) {
    hasReported = true
    guard reports.junitPath != nil || reports.isForGitHub else { return }
    let summary = makeSummary()
    var failure: ToolError?
    for write in [writeJUnit, annotate, addToPage] {
      do throws(ToolError) { try write(summary) } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
  }

  private func writeJUnit(_ summary: CheckSummary) throws(ToolError) {
    guard let path = reports.junitPath else { return }
    try Tool.write(Array(JUnitDocument(summary).text.utf8), to: path)
  }

  /// Prints annotations: on standard error where standard output is taken, since the runner reads both.
  private func annotate(_ summary: CheckSummary) throws(ToolError) {
    guard reports.isForGitHub else { return }
    let output = isQuiet ? OutputWriter.standardError() : OutputWriter.standardOutput()
    for line in WorkflowCommands.annotations(summary) { output.line(line) }
    try output.finish()
  }

  private func addToPage(_ summary: CheckSummary) throws(ToolError) {
    guard let path = reports.summaryPath else { return }
    try Tool.append(Array(JobSummary(summary).text.utf8), to: path)
  }

  /// Prints a report for people, in which a runner finds no commands.
  func print(to output: OutputWriter, _ body: () throws -> Void) throws {
    guard reports.isForGitHub else { return try body() }
    let token = String(UInt64.random(in: .min ... .max), radix: 16)
    output.line(WorkflowCommands.pause(token))
    defer {
      output.line(WorkflowCommands.resume(token))
      output.flush()
    }
    try body()
  }
}
