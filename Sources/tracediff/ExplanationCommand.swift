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
      let paths = operands.map(\.path)
      let trace = Result { () throws(ToolError) in try resolve(paths) }
      let expected = options.expectedPath.map { path in Result { () throws(ToolError) in try resolve([path]) } }
      if let jsonPath = options.jsonPath {
        // Of what cannot be resolved nothing is read.
        let inputs = (try? trace.get())?.inputs ?? paths
        let others = (try? expected?.get())?.inputs ?? []
        try Tool.requireApart(outputs: [jsonPath], inputs: inputs + others + options.mapping.paths + [modelPath])
      }
      do {
        return try explain(trace.get(), expected: expected?.get(), modelPath, options)
      } catch ToolError.failed(let message) {
        if let jsonPath = options.jsonPath {
          let document = ExplanationDocument(
            path: TraceOperands.name(of: paths), modelPath: modelPath, oneProblem: message)
          try Tool.write(Array(document.text.utf8), to: jsonPath)
        }
        throw ToolError.failed(message)
      }
    }
  }

  private static func explain(
    _ givenOperands: TraceOperands, expected givenExpected: TraceOperands?, _ modelPath: String,
    _ options: ExplanationOptions
  ) throws -> ExitStatus {
    var (operands, expectedOperands) = (givenOperands, givenExpected)
    try options.mapping.apply(expected: &expectedOperands, actual: &operands)
    let path = operands.name
    let trace = try openTrace(operands)
    let explainer: Explainer
    do {
      let weights = ModelWeights(try openModel(modelPath))
      let expected = try expectedOperands.map { try RecordedTensors(openTrace($0)) }
      explainer = try Explainer(RecordedTensors(trace), model: weights, expected: expected)
    } catch let error as ExplainerError {
      let file = error.isAboutExpected ? options.expectedPath ?? path : path
      throw ToolError.failed("\(file): \(error)")
    }
    let progress = ProgressLine()
    let explanation = explainer.explain { progress.show($0, of: $1) }
    progress.clear()
    let isQuiet = try options.jsonPath.map { try Tool.isStandardOutput($0) } ?? false
    if !isQuiet {
      let output = OutputWriter.standardOutput()
      output.write(ExplanationReport(explanation, path: path, modelPath: modelPath).text)
      try output.finish()
    }
    if let jsonPath = options.jsonPath {
      let document = ExplanationDocument(explanation, path: path, modelPath: modelPath)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
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
