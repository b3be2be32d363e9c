import JSONText
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// `tracediff inspect TRACE`.
enum Inspection {
  /// How many entries of a list are printed unless all are asked for.
  static let listingLimit = 20
  /// How many entries of a list stand in a document.
  static let documentLimit = 100

  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    var options = InspectionOptions()
    let command = InspectionOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      guard !operands.isEmpty else { throw UsageError("a trace is needed; see tracediff inspect --help") }
      return try inspect(operands.map(\.path), options)
    }
  }

  private static func inspect(_ paths: [String], _ options: InspectionOptions) throws -> ExitStatus {
    let name = TraceOperands.name(of: paths)
    var operands = Result { () throws(ToolError) in try resolve(paths) }
    let known = try? operands.get()
    // Of what cannot be resolved nothing is read.
    if let jsonPath = options.jsonPath {
      try Tool.requireApart(outputs: [jsonPath], inputs: (known?.inputs ?? paths) + options.mapping.paths)
    }
    let isQuiet = try options.jsonPath.map { try Tool.isStandardOutput($0) } ?? false
    if var known {
      try options.mapping.apply(to: &known)
      operands = .success(known)
    }
    var trace = try open(operands, name: name, options)
    var problems = Listing<String>()
    for problem in trace.problems { problems.append(problem.description) }
    let output = OutputWriter.standardOutput()
    var sections: [(String, JSONValue)] = []

    if options.selectsTensors { try options.filter.requireUse(in: trace, name: name) }
    if options.listsTokens && !isQuiet { printTokens(trace, limit: Int.max, output) }
    if options.selectsTensors {
      if options.listsTokens && !isQuiet { output.line() }
      let printer = TensorPrinter(trace.header, options, isQuiet ? nil : output)
      sections = printer.print(&trace, options.filter, &problems)
    } else if !options.listsTokens {
      let contents = Contents(&trace, &problems)
      if !isQuiet { printOverview(trace, name: name, contents, problemCount: problems.count, options, output) }
      sections = siteList(contents)
    }
    if !isQuiet, !problems.isEmpty {
      output.line("\nProblems: \(problems.count)")
      for problem in problems.entries.prefix(listingLimit) { output.line("  \(problem)") }
      if problems.count > listingLimit { output.line("  ... \(problems.count - listingLimit) more") }
    }
    try output.finish()
    if let jsonPath = options.jsonPath {
      let document =
        heading(of: trace, name: name, problemCount: problems.count) + partList(trace) + tokenList(trace) + sections
        + list(problems)
      try write(document, to: jsonPath)
    }
    guard let first = problems.entries.first else { return .success }
    Tool.diagnose(Program.name, naming(name, first))
    return .trouble
  }

  /// Opens a trace; that it cannot be read is also written down for machines.
  private static func open(
    _ operands: Result<TraceOperands, ToolError>, name: String, _ options: InspectionOptions
  ) throws(ToolError) -> Trace {
    do throws(ToolError) { return try openTrace(operands.get()) } catch {
      if let jsonPath = options.jsonPath {
        var problems = Listing<String>()
        problems.append(error.description)
        try write(unreadable(name) + list(problems), to: jsonPath)
      }
      throw error
    }
  }

  private static func write(_ fields: [(String, JSONValue)], to path: String) throws(ToolError) {
    try Tool.write(Array((JSONValue.object(fields).text + "\n").utf8), to: path)
  }
}
