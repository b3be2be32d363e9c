import ToolSupport
import TraceComparison
import TraceFormat

/// `tracediff inspect TRACE`.
enum Inspection {
  static let tensorLimit = 20
  static let tokenLimit = 20

  static func run(_ arguments: [Argument]) throws -> ExitStatus {
    var options = InspectionOptions()
    let command = InspectionOptions.command
    switch try command.parse(arguments, into: &options) {
    case .help: return try Tool.print(command.help)
    case .version: return try Tool.print("\(Program.name) \(ToolVersion.current)\n")
    case .run(let operands):
      guard operands.count == 1 else {
        throw UsageError("one trace is needed, not \(operands.count); see tracediff inspect --help")
      }
      return try inspect(operands[0].path, options)
    }
  }

  private static func inspect(_ path: String, _ options: InspectionOptions) throws -> ExitStatus {
    var trace = try openTrace(path)
    var problems = trace.problems.map(\.description)
    let output = OutputWriter.standardOutput()
    let isQuiet = options.jsonPath == "-"
    var document = heading(of: trace)

    if options.selectsTensors {
      try checkSelection(of: trace, options.filter)
    }
    if options.listsTokens {
      if !isQuiet { printTokens(trace, limit: Int.max, output) }
    }
    document.append(("tokens", tokenList(trace, isFull: options.isFull)))
    document.append(("token_count", .integer(trace.tokens.count)))
    if options.selectsTensors {
      if options.listsTokens && !isQuiet { output.line() }
      let printer = TensorPrinter(trace.header, options, isQuiet ? nil : output)
      document += printer.print(&trace, options.filter, &problems)
    } else if !options.listsTokens {
      let contents = Contents(&trace)
      problems += contents.damaged.entries
      if !isQuiet { printOverview(trace, contents, output) }
      document.append(("sites", .array(contents.sorted.map(value))))
    }
    if !isQuiet, !problems.isEmpty {
      output.line("\nProblems: \(problems.count)")
      for problem in problems.prefix(tensorLimit) { output.line("  \(problem)") }
      if problems.count > tensorLimit { output.line("  ... \(problems.count - tensorLimit) more") }
    }
    try output.finish()
    document.append(("problems", .array(problems.prefix(100).map { .string($0) })))
    document.append(("problem_count", .integer(problems.count)))
    if let jsonPath = options.jsonPath {
      try Tool.write(Array((JSONValue.object(document).text + "\n").utf8), to: jsonPath)
    }
    if let first = problems.first {
      Tool.diagnose(Program.name, "\(path): \(first)")
      return .trouble
    }
    return .success
  }

  /// A selection that matches nothing is bad usage.
  private static func checkSelection(of trace: borrowing TraceFile, _ filter: RecordFilter) throws(UsageError) {
    var unused = filter.names ?? []
    var isAnyWanted = false
    for place in 0..<trace.recordCount {
      let key = trace.key(at: place)
      unused.removeAll { $0.matches(key.name.text) }
      isAnyWanted = isAnyWanted || filter.wants(key)
      if isAnyWanted && unused.isEmpty { return }
    }
    if let pattern = unused.first { throw UsageError("no tensor of \(trace.path) matches '\(pattern.text)'") }
    throw UsageError("\(trace.path) holds no tensor of that site, layer and position")
  }

  private static func heading(of trace: borrowing TraceFile) -> [(String, JSONValue)] {
    let fields = trace.header.fields.sorted { $0.key < $1.key }.map { name, value in
      let json: JSONValue =
        switch value {
        case .integer(let number): .integer(Int(number))
        case .real(let number): .number(number)
        case .text(let bytes): .string(String(decoding: bytes, as: UTF8.self))
        }
      return (name, json)
    }
    return [
      ("schema", .string("tracediff.inspect/1")), ("file", .string(trace.path)), ("complete", .bool(trace.isComplete)),
      ("producer", .string(trace.header.producer)), ("header", .object(fields)), ("bytes", .integer(trace.byteCount)),
      ("records", .integer(trace.recordCount)),
    ]
  }

  private static func tokenList(_ trace: borrowing TraceFile, isFull: Bool) -> JSONValue {
    let tokens = trace.tokens
    let positions = tokens.keys.sorted().prefix(isFull ? Int.max : 100)
    return .array(
      positions.map { position in
        .object([
          ("position", .integer(position)), ("id", JSONValue(tokens[position]?.id)),
          ("text", JSONValue(tokens[position]?.text.map { String(decoding: $0, as: UTF8.self) })),
        ])
      })
  }

  private static func value(_ entry: Contents.Entry) -> JSONValue {
    func range(_ range: ClosedRange<Int>?) -> JSONValue {
      range.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) } ?? .null
    }
    return .object([
      ("site", .string(entry.name.text)), ("shape", .string(entry.shape)), ("dtype", .string(entry.dtype)),
      ("layers", range(entry.layers)), ("positions", range(entry.positions)), ("records", .integer(entry.records)),
      ("nan", .integer(entry.nanCount)), ("inf", .integer(entry.infinityCount)),
    ])
  }

  private static func printTokens(_ trace: borrowing TraceFile, limit: Int, _ output: OutputWriter) {
    let tokens = trace.tokens
    output.line("position      id  text")
    for position in tokens.keys.sorted().prefix(limit) {
      guard let token = tokens[position] else { continue }
      let text = token.text.map { "\"\(visibleText($0, quoted: true))\"" } ?? "-"
      output.line(padded(String(position), to: 8) + padded(String(token.id), to: 8) + "  " + text)
    }
    if tokens.count > limit { output.line("  ... \(tokens.count - limit) more") }
  }

  private static func printOverview(_ trace: borrowing TraceFile, _ contents: Contents, _ output: OutputWriter) {
    let state = trace.isComplete ? "complete" : "cut short or damaged"
    output.line(
      "\(visibleText(trace.path.utf8)): \(state), \(trace.recordCount) records, \(trace.tokens.count) tokens, "
        + "\(trace.byteCount) bytes")
    output.line("\nHeader")
    output.line("  producer                \(trace.header.producer)")
    for (name, value) in trace.header.fields.sorted(by: { $0.key < $1.key }) {
      output.line("  \(name)" + padded("", to: max(2, 24 - name.count)) + text(value))
    }
    output.line("\nTokens")
    printTokens(trace, limit: tokenLimit, output)
    output.line("\nRecords")
    output.line(
      "  site" + padded("shape", to: 26) + padded("dtype", to: 10) + padded("layers", to: 9)
        + padded("positions", to: 11) + padded("records", to: 9) + padded("NaN", to: 6) + padded("inf", to: 6))
    for entry in contents.sorted {
      let name = entry.name.text
      output.line(
        "  \(name)" + padded(entry.shape, to: 30 - name.count) + padded(entry.dtype, to: 10)
          + padded(entry.layers.map(rangeText) ?? "-", to: 9) + padded(rangeText(entry.positions), to: 11)
          + padded(String(entry.records), to: 9) + padded(String(entry.nanCount), to: 6)
          + padded(String(entry.infinityCount), to: 6))
    }
  }

  private static func text(_ value: HeaderValue) -> String {
    switch value {
    case .integer(let number): String(number)
    case .real(let number): number.description
    case .text(let bytes): "\"\(visibleText(bytes, quoted: true))\""
    }
  }
}
