import CIReports
import Explanation
import Model
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// `tracediff explain TRACE --model CHECKPOINT`.
enum ExplanationCommand {
  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    var options = ExplanationOptions()
    let command = ExplanationOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run where options.listsCauses: return try Tool.print(CauseListing.text)
    case .run(let operands):
      guard !operands.isEmpty else { throw UsageError("a trace is needed; see tracediff explain --help") }
      guard let modelPath = options.modelPath else {
        throw UsageError("the trace's checkpoint is needed: --model CHECKPOINT; see tracediff explain --help")
      }
      return try explain(operands.map(\.path), modelPath, options)
    }
  }

  private static func explain(
    _ paths: [String], _ modelPath: String, _ options: ExplanationOptions
  ) throws -> ExitStatus {
    let name = TraceOperands.name(of: paths)
    let trace = Result { () throws(ToolError) in try resolve(paths) }
    let expected = options.expectedPath.map { path in Result { () throws(ToolError) in try resolve([path]) } }
    // Of what cannot be resolved nothing is read.
    let inputs = ((try? trace.get())?.inputs ?? paths) + ((try? expected?.get())?.inputs ?? [])
    try options.reports.requireApart(
      jsonPath: options.jsonPath, inputs: inputs + options.mapping.paths + [modelPath])
    let isQuiet = try options.jsonPath.map { try Tool.isStandardOutput($0) } ?? false
    let reporter = CheckReporter(
      options.reports, tool: "\(Program.name) explain", subject: "\(name) --model \(modelPath)", isQuiet: isQuiet)
    let document = { (problems: [Verdict.Problem]) in
      ExplanationDocument(path: name, modelPath: modelPath, oneProblem: problems.first?.message).text
    }
    return try reporter.run(orWrite: document, to: options.jsonPath) {
      var (operands, expectedOperands) = (try trace.get(), try expected?.get())
      try options.mapping.apply(expected: &expectedOperands, actual: &operands)
      let explanation = try explanation(operands, modelPath, expected: expectedOperands)
      return try report(explanation, name, modelPath, options, isQuiet: isQuiet, reporter)
    }
  }

  /// Explains a trace; what goes wrong names the file.
  static func explanation(
    _ operands: TraceOperands, _ modelPath: String, expected: TraceOperands?
  ) throws -> Explanation {
    let trace = try openTrace(operands)
    let explainer: Explainer
    do {
      let weights = ModelWeights(try openModel(modelPath))
      let expected = try expected.map { try RecordedTensors(openTrace($0)) }
      explainer = try Explainer(RecordedTensors(trace), model: weights, expected: expected)
    } catch let error as ExplainerError {
      throw ToolError.failed("\(error.isAboutExpected ? expected?.name ?? operands.name : operands.name): \(error)")
    }
    let progress = ProgressLine()
    let explanation = explainer.explain { progress.show($0, of: $1) }
    progress.clear()
    return explanation
  }

  private static func report(
    _ explanation: Explanation, _ name: String, _ modelPath: String, _ options: ExplanationOptions, isQuiet: Bool,
    _ reporter: CheckReporter
  ) throws -> ExitStatus {
    if !isQuiet {
      let output = OutputWriter.standardOutput()
      try reporter.print(to: output) {
        output.write(ExplanationReport(explanation, path: name, modelPath: modelPath).text)
      }
      try output.finish()
    }
    if let jsonPath = options.jsonPath {
      let document = ExplanationDocument(explanation, path: name, modelPath: modelPath)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
    try reporter.report(CheckSummary(explanation, tool: reporter.tool, subject: reporter.subject))
    if explanation.exitStatus == ExitStatus.trouble.rawValue { Tool.diagnose(Program.name, explanation.headline) }
    return ExitStatus(rawValue: explanation.exitStatus) ?? .trouble
  }
}

/// Opens a checkpoint; what goes wrong names the file.
func openModel(_ path: String) throws(ToolError) -> Checkpoint {
  try Tool.naming(path) { () throws(CheckpointError) in try Checkpoint(path: path) }
}

/// A line on a terminal's standard error that says how far a long run is.
private struct ProgressLine {
  private let isShown = isTerminal(2)

  func show(_ done: Int, of total: Int) {
    guard isShown, total > 16 else { return }
    writeProgress("\r\(Program.name): explaining position \(done) of \(total)\u{1B}[K")
  }

  func clear() { if isShown { writeProgress("\r\u{1B}[K") } }

  private func writeProgress(_ text: String) {
    let output = OutputWriter(descriptor: 2, name: "standard error")
    output.write(text)
    output.flush()
  }
}
