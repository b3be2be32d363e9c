import TensorArchives
import ToolSupport
import TraceFormat

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
    try Tool.requireApart(outputs: [output], inputs: paths + (options.mappingPath.map { [$0] } ?? []))
    if paths.count == 1, try !isArchive(paths[0]) {
      guard options.mappingPath == nil else {
        throw UsageError("option '--map' is for arrays of other programs, and \(paths[0]) is a trace")
      }
      return try write(try openTrace(paths[0]), paths, to: output, format, options)
    }
    let mapping = try options.mappingPath.map { try ArrayMapping(path: $0) }
    let trace = try ArrayTrace(TensorArchive(paths: paths), mapping: mapping)
    return try write(trace, paths, to: output, format, options)
  }

  /// Whether a path leads to arrays; what is nothing known is left to the reader of traces, which says so.
  private static func isArchive(_ path: String) throws -> Bool {
    guard !ArchiveFolder.isFolder(path) else { return true }
    return ArchiveKind(try MappedFile(path: path).bytes) != nil
  }

  private static func write<Source: RandomAccessSource & ~Copyable>(
    _ trace: borrowing Source, _ paths: [String], to output: String, _ format: ExportFormat, _ options: ExportOptions
  ) throws -> ExitStatus {
    // What an export lacks would pass for never recorded.
    guard trace.isComplete, trace.problems.isEmpty else {
      let problem = trace.problems.first?.description ?? "the trace is cut short"
      throw ToolError.failed("\(paths[0]): only whole traces are exported: \(problem)")
    }
    try checkSelection(of: trace, options.filter, paths[0])
    let outcome = try TraceExport(filter: options.filter).write(trace, to: output, format)
    Tool.diagnose(
      Program.name, "\(outcome.recordCount) records, \(Quantity.size(outcome.byteCount)) in \(output)")
    return .success
  }

  /// A selection that matches nothing is bad usage.
  private static func checkSelection<Source: RandomAccessSource & ~Copyable>(
    of trace: borrowing Source, _ filter: RecordFilter, _ path: String
  ) throws(UsageError) {
    var unused = filter.names ?? []
    var isAnyWanted = false
    for place in 0..<trace.recordCount {
      let key = trace.key(at: place)
      unused.removeAll { $0.matches(key.name.text) }
      isAnyWanted = isAnyWanted || filter.wants(key)
      if isAnyWanted && unused.isEmpty { return }
    }
    if let pattern = unused.first { throw UsageError("no tensor of \(path) matches '\(pattern.text)'") }
    throw UsageError("\(path) holds no tensor of that site, layer and position")
  }
}
