import CIReports
import Explanation
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// `tracediff history append` and `tracediff history show`.
enum HistoryCommand {
  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    switch arguments.first?.text {
    case "append": return try append(Array(arguments.dropFirst()))
    case "show": return try show(Array(arguments.dropFirst()))
    default:
      let command = HistoryAppendOptions.overview
      var options = HistoryAppendOptions()
      switch try command.parse(arguments, into: &options) {
      case .help: return try Tool.print(command.help)
      case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
      case .run(let operands):
        let found = operands.first.map { ", not '\($0.visible)'" } ?? ""
        throw UsageError("'history' needs 'append' or 'show'\(found); see tracediff history --help")
      }
    }
  }

  private static func append(_ arguments: [Argument]) throws -> ExitStatus {
    var options = HistoryAppendOptions()
    let command = HistoryAppendOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      guard operands.count >= 3 else {
        throw UsageError(
          "a history and two traces are needed, FILE, EXPECTED and ACTUAL, not \(operands.count); see "
            + "tracediff history append --help")
      }
      guard let commit = options.commit else {
        throw UsageError("the commit is needed: --commit ID; see tracediff history append --help")
      }
      let paths = operands.map(\.path)
      guard try !Tool.isStandardOutput(paths[0]) else {
        throw UsageError("a history is a file, not standard output")
      }
      var problems: [Verdict.Problem] = []
      guard var pair = TracePair([paths[1]], Array(paths[2...]), &problems) else {
        throw InputFailure(problems)
      }
      let others = options.comparison.mapping.paths + (options.modelPath.map { [$0] } ?? [])
      try Tool.requireApart(outputs: [paths[0]], inputs: pair.inputs + others)
      try options.comparison.apply(to: &pair)
      return try append(to: paths[0], commit, pair, options)
    }
  }

  private static func append(
    to path: String, _ commit: String, _ traces: TracePair, _ options: HistoryAppendOptions
  ) throws -> ExitStatus {
    var history = try open(path, orEmpty: true)
    // Both are known before anything is computed.
    try naming(path) { () throws(DriftError) in
      guard DriftEntry.isValid(commit: commit) else { throw .invalidCommit(commit) }
      try history.requireUnknown(commit, unless: options.isReplacing)
    }
    let verdict = try compare(traces, options.comparison)
    let explanation = try options.modelPath.map { try explain(traces.actual, $0) }
    let added = try naming(path) { () throws(DriftError) in
      let entry = try DriftEntry(commit: commit, verdict, explanation)
      try history.append(entry, replacing: options.isReplacing)
      return entry
    }
    try Tool.write(history.bytes, to: path)
    return try Tool.print(
      "\(visibleText(path.utf8)): commit \(visibleText(commit.utf8)), \(count(history.entries.count, "commit")) in all; "
        + "\(verdict.headline)\n" + DriftReport.changes(of: added, in: history))
  }

  /// Compares two traces as a whole.
  private static func compare(
    _ traces: TracePair, _ options: ComparisonOptions
  ) throws -> Verdict {
    let comparison = Comparison(
      tolerance: try options.tolerance(), filter: options.filter, comparesCommonOnly: options.comparesCommonOnly)
    var problems: [Verdict.Problem] = []
    guard let verdict = traces.compare(comparison, &problems, eachDivergence: { _ in }) else {
      throw InputFailure(problems)
    }
    try verdict.unused.requireNone(in: "either trace")
    if verdict.exitStatus == ExitStatus.trouble.rawValue {
      throw ToolError.failed("nothing is added to the history: \(verdict.headline)")
    }
    if let problem = verdict.problems.entries.first {
      throw ToolError.failed("nothing is added to the history: \(problem.text)")
    }
    return verdict
  }

  private static func explain(_ trace: TraceOperands, _ modelPath: String) throws -> Explanation {
    let explanation = try ExplanationCommand.explanation(trace, modelPath, expected: nil)
    guard explanation.verdict != .unchecked else {
      throw ToolError.failed("nothing is added to the history: \(trace.name): \(explanation.headline)")
    }
    return explanation
  }

  private static func show(_ arguments: [Argument]) throws -> ExitStatus {
    var options = HistoryShowOptions()
    let command = HistoryShowOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      if let operand = operands.first, operand.text == "-" || PathKind(operand.path) == .stream {
        throw UsageError("'\(operand.path)': a history is a file, not a pipe: write it to a file first")
      }
      guard operands.count == 1 else {
        throw UsageError("one history is needed, not \(operands.count); see tracediff history show --help")
      }
      return try show(operands[0].path, options)
    }
  }

  private static func show(_ path: String, _ options: HistoryShowOptions) throws -> ExitStatus {
    if let jsonPath = options.jsonPath { try Tool.requireApart(outputs: [jsonPath], inputs: [path]) }
    let history = try open(path, orEmpty: false)
    guard !history.entries.isEmpty else { throw ToolError.failed("\(path): the history holds no commit") }
    for (option, patterns) in [("--only", options.filter.names ?? []), ("--except", options.filter.excluded)] {
      for pattern in patterns {
        guard !history.entries.contains(where: { $0.sites.contains { pattern.matches($0.name) } }) else { continue }
        throw UsageError("option '\(option)': no tensor of the history matches '\(pattern.text)'")
      }
    }
    guard history.entries.contains(where: { $0.sites.contains { options.filter.wants(name: $0.name) } }) else {
      throw UsageError("no tensor of the history is left by --only and --except")
    }
    let isQuiet = try options.jsonPath.map { try Tool.isStandardOutput($0) } ?? false
    if let jsonPath = options.jsonPath {
      let document = DriftDocument(history, path: path, filter: options.filter)
      try Tool.write(Array(document.text.utf8), to: jsonPath)
    }
    return isQuiet ? .success : try Tool.print(DriftReport(history, path: path, filter: options.filter).text)
  }

  private static func open(_ path: String, orEmpty isEmptyAllowed: Bool) throws(ToolError) -> DriftHistory {
    let bytes: [UInt8]
    do throws(FileError) {
      let file = try MappedFile(path: path)
      bytes = file.bytes.byteArray(0..<file.byteCount)
    } catch {
      if error.isMissing, isEmptyAllowed { return DriftHistory() }
      throw .failed(error.description)
    }
    if let kind = FileKind(firstBytes: Array(bytes.prefix(8))), kind != .text {
      throw .failed("\(path): not a drift history but \(kind.rawValue)")
    }
    return try naming(path) { () throws(DriftError) in try DriftHistory(bytes) }
  }

  /// Does something with a history; what goes wrong names its file.
  private static func naming<Value>(
    _ path: String, _ body: () throws(DriftError) -> Value
  ) throws(ToolError) -> Value {
    do throws(DriftError) { return try body() } catch { throw .failed("\(path): \(error)") }
  }
}
