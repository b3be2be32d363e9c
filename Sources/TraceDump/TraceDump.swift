#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
import Model
import ToolSupport
import TraceFormat

/// The program `tracedump`: runs a checkpoint and records every intermediate tensor.
@main
struct TraceDump {
  static let name = "tracedump"

  static func main() {
    Tool.run(name: name) { arguments in
      var options = Options()
      switch try Options.command.parse(arguments, into: &options) {
      case .help: return try Tool.print(Options.command.help)
      case .version: return try Tool.print("\(name) \(ToolVersion.current)\n")
      case .run(let operands):
        if options.listsSites { return try Tool.print(Site.listing) }
        return try dump(options.validated(operands))
      }
    }
  }

  private static func dump(_ request: Request) throws -> ExitStatus {
    let model = try named(request.checkpoint) { () throws(CheckpointError) in
      try Checkpoint(path: request.checkpoint)
    }
    let tokenizer = try openTokenizer(request, model)
    let input = try resolveInput(request, tokenizer)
    let length = model.configuration.sequenceLength
    let steps: Int
    switch (request.steps, input) {
    case (nil, .forced(let tokens)), (0, .forced(let tokens)): steps = tokens.count
    case (let count?, .forced(let tokens)): steps = min(count, tokens.count)
    case (nil, .prompt): steps = min(256, length)
    case (0, .prompt): steps = length
    case (let count?, .prompt): steps = count
    }
    if let count = request.steps, count > length {
      throw UsageError("option '-n' needs an integer from 0 to the model's context of \(length), not '\(count)'")
    }
    if request.printsTokens {
      let tokens =
        switch input {
        case .prompt(_, let tokens, _): tokens
        case .forced(let tokens): tokens
        }
      return try Tool.print(tokens.map(String.init).joined(separator: " ") + "\n")
    }
    let plan = try RunPlan(model, precision: request.precision, steps: steps, input: input, threads: request.threads)
    let selection = try RecordSelection(request.filter, plan, model: model)
    warnOfStraddlingGroups(model, plan)

    // With the trace on standard output the text goes to standard error.
    let text =
      request.output == "-"
      ? OutputWriter(descriptor: STDERR_FILENO, name: "standard error") : OutputWriter.standardOutput()
    func print(_ bytes: [UInt8]) {
      text.write(bytes: bytes)
      text.flush()
    }
    let progress = Progress(steps: plan.steps)
    let result: RunResult
    var recorded: (recordCount: Int, byteCount: Int)?
    if let path = request.output {
      do throws(TraceError) {
        var recorder = try TraceRecorder(
          path: path, producer: "\(name) \(ToolVersion.current)", plan: plan, selection: selection, model: model,
          tokenizer: tokenizer)
        result = try run(
          plan, model: model, tokenizer: tokenizer, observer: &recorder, print: print, progress: progress.update)
        recorded = try recorder.finish()
      } catch {
        if case .file(let error) = error { throw error }
        throw error
      }
    } else {
      result = run(plan, model: model, tokenizer: tokenizer, print: print, progress: progress.update)
    }
    if tokenizer != nil { print([UInt8(ascii: "\n")]) }
    try text.finish()
    progress.finish(name, positions: result.tokens.count, recorded, path: request.output)
    return .success
  }

  /// Puts the file's name before an error about its contents.
  private static func named<Value: ~Copyable>(
    _ path: String, _ open: () throws(CheckpointError) -> Value
  ) throws -> Value {
    do { return try open() } catch {
      if case .file(let error) = error { throw error }
      throw ToolError.failed("\(path): \(error)")
    }
  }

  /// The tokenizer; nil where the run can do without and there is none.
  private static func openTokenizer(_ request: Request, _ model: borrowing Checkpoint) throws -> Tokenizer? {
    let path = request.tokenizer ?? "tokenizer.bin"
    do {
      return try Tokenizer(path: path, vocabularySize: model.configuration.vocabularySize)
    } catch {
      if request.isForced && request.tokenizer == nil { return nil }
      if case .file(let error) = error { throw error }
      throw ToolError.failed("\(path): \(error)")
    }
  }

  private static func resolveInput(_ request: Request, _ tokenizer: Tokenizer?) throws -> RunPlan.Input {
    switch request.input {
    case .tokens(let tokens): return .forced(tokens)
    case .tokensFrom(let path): return .forced(try tokens(of: path))
    case .prompt(let text, let sampling):
      guard let tokenizer else { throw ToolError.failed("a prompt needs a tokenizer") }
      return .prompt(text: text, tokens: try tokenizer.encode(text), sampling)
    }
  }

  private static func tokens(of path: String) throws -> [Int] {
    do {
      let trace = try TraceFile(path: path)
      let tokens = (0..<trace.tokens.count).compactMap { trace.tokens[$0]?.id }
      guard !tokens.isEmpty, tokens.count == trace.tokens.count else {
        throw ToolError.failed("\(path): expected a token at every position from 0, found \(trace.tokens.count)")
      }
      if let problem = trace.problems.first { Tool.diagnose(name, "warning: \(path): \(problem)") }
      return tokens
    } catch let error as TraceError {
      if case .file(let error) = error { throw error }
      throw ToolError.failed("\(path): \(error)")
    }
  }

  private static func warnOfStraddlingGroups(_ model: borrowing Checkpoint, _ plan: RunPlan) {
    guard plan.isQuantized(model), let size = model.groupSize else { return }
    let sizes = model.configuration
    for (name, count) in [("dim", sizes.dim), ("hidden_dim", sizes.hiddenDim)] where count % size != 0 {
      Tool.diagnose(
        self.name,
        "warning: \(model.path): \(name) \(count) is not a multiple of the group size \(size): groups of weights "
          + "straddle rows, and the last \(count % size) activations do not count, as in llama2.c")
    }
  }
}

extension Site {
  /// What `--list-sites` prints: name, shape, scope and kind of run, separated by tabs, in execution order.
  static var listing: String {
    allCases.map { site in
      "\(site.rawValue)\t\(site.shape)\t\(site.scope.rawValue)\t\(site.isQuantizedOnly ? "int8" : "all")\n"
    }.joined()
  }
}
