import TensorArchives
import ToolSupport
import TraceFormat
import TraceSources

/// `tracediff export TRACE... -o FILE`.
enum ExportCommand {
  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    var options = ExportOptions()
    let command = ExportOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      guard !operands.isEmpty else { throw UsageError("a trace is needed; see tracediff export --help") }
      return try export(operands.map(\.path), options)
    }
  }

  private static func export(_ paths: [String], _ options: ExportOptions) throws -> ExitStatus {
    guard let output = options.outputPath else {
      throw UsageError("option '-o' is needed: the name of the file to write; see tracediff export --help")
    }
    guard let format = ExportFormat(path: output) else {
      throw UsageError("option '-o' needs a name that ends in .npz or .safetensors, not '\(visibleText(output.utf8))'")
    }
    var operands = try resolve(paths)
    try Tool.requireApart(outputs: [output], inputs: operands.inputs + options.mapping.paths)
    // What is written there would be read as a part of it the next time. Of traces, subfolders are not read.
    for folder in operands.folders where Tool.lies(output, in: folder, atAnyDepth: operands.areArrays) {
      throw UsageError(
        "the output '\(output)' would lie in the folder '\(folder)', which is read: write it to another folder")
    }
    try options.mapping.apply(to: &operands)
    return try write(try openTrace(operands), operands.name, to: output, format, options)
  }

  private static func write(
    _ trace: borrowing Trace, _ name: String, to output: String, _ format: ExportFormat, _ options: ExportOptions
  ) throws -> ExitStatus {
    // What an export lacks would pass for never recorded.
    guard trace.isComplete, trace.problems.isEmpty else {
      let problem = trace.problems.first?.description ?? "the trace is cut short"
      throw ToolError.failed("only whole traces are exported: \(naming(name, problem))")
    }
    try options.filter.requireUse(in: trace, name: name)
    let outcome = try TraceExport(filter: options.filter).write(trace, to: output, format)
    Tool.diagnose(
      Program.name, "\(outcome.recordCount) records, \(Quantity.size(outcome.byteCount)) in \(output)")
    return .success
  }
}
