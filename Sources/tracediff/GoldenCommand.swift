import CIReports
import Goldens
import ToolSupport
import TraceComparison
import TraceFormat

/// `tracediff golden record|check|update`.
enum GoldenCommand {
  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    let rest = Array(arguments.dropFirst())
    switch arguments.first?.text {
    case "record": return try run(.record, GoldenOptions.record, rest)
    case "check": return try run(.check, GoldenOptions.check, rest)
    case "update": return try run(.update, GoldenOptions.update, rest)
    default:
      var options = GoldenOptions()
      switch try GoldenOptions.overview.parse(arguments, into: &options) {
      case .help: return try Tool.print(GoldenOptions.overview.help)
      case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
      case .run(let operands):
        let found = operands.first.map { ", not '\($0.visible)'" } ?? ""
        throw UsageError("'golden' needs one of 'record', 'check' and 'update'\(found); see tracediff golden --help")
      }
    }
  }

  private static func run(
    _ kind: GoldenDocument.Command, _ command: Command<GoldenOptions>, _ arguments: [Argument]
  ) throws -> ExitStatus {
    var options = GoldenOptions()
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      let paths = operands.map(\.path)
      let files = try files(kind, paths, options)
      let tolerance = try options.comparison.tolerance()
      let reporter = CheckReporter(
        options.comparison.reports, tool: "\(GoldenOptions.name) \(kind.rawValue)",
        subject: "\(files.golden) \(files.trace)", isQuiet: files.isQuiet)
      let document = {
        GoldenDocument(kind, problems: $0, goldenPath: files.golden, actualPath: files.trace).text
      }
      return try reporter.run(orWrite: document, to: options.jsonPath) {
        switch kind {
        case .record: return try GoldenRecording.run(files)
        case .check: return try GoldenChecking.run(files, options.comparison, tolerance, reporter)
        case .update: return try GoldenUpdating.run(files, tolerance)
        }
      }
    }
  }

  /// Which files take part, after a look at what would overwrite what.
  private static func files(
    _ kind: GoldenDocument.Command, _ paths: [String], _ options: GoldenOptions
  ) throws -> GoldenFiles {
    let json = options.jsonPath.map { [$0] } ?? []
    if kind == .record {
      guard !paths.isEmpty else { throw UsageError("a trace is needed; see tracediff golden record --help") }
      guard let output = options.outputPath else {
        throw UsageError("the golden's name is needed: -o FILE; see tracediff golden record --help")
      }
      let files = try GoldenFiles(golden: output, traces: paths, options)
      try Tool.requireApart(outputs: [output] + json, inputs: files.traceInputs)
      if files.isQuiet, try Tool.isStandardOutput(output) {
        throw UsageError("standard output cannot take both the golden and the JSON")
      }
      return files
    }
    guard paths.count >= 2 else {
      throw UsageError(
        "a golden and a trace are needed, FILE and TRACE, not \(paths.count); "
          + "see tracediff golden \(kind.rawValue) --help"
      )
    }
    guard PathKind(paths[0]) != .stream else {
      throw UsageError("'\(paths[0])': a golden is a file, not a pipe: write it to a file first")
    }
    let files = try GoldenFiles(golden: paths[0], traces: Array(paths.dropFirst()), options)
    if kind == .update {
      try Tool.requireApart(outputs: [paths[0]] + json, inputs: files.traceInputs)
    } else {
      try options.comparison.reports.requireApart(
        jsonPath: options.jsonPath, inputs: [paths[0]] + files.traceInputs)
    }
    return files
  }
}
