import PlatformLibc
import Goldens
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
    let model = try Tool.naming(request.checkpoint) { () throws(CheckpointError) in
      try Checkpoint(path: request.checkpoint)
    }
    let tokenizer = try openTokenizer(request, model)
    let input = try resolveInput(request, tokenizer)
    let steps = try steps(request, input, contextLength: model.configuration.sequenceLength)
    if request.printsTokens {
      return try Tool.print(input.tokens.map(String.init).joined(separator: " ") + "\n")
    }
    if let path = request.output { try Tool.requireApart(outputs: [path], inputs: request.inputs) }
    let team = ThreadTeam(threads: request.threads, unit: request.vectors)
    let plan = try RunPlan(model, precision: request.precision, steps: steps, input: input, team: team)
    let selection = try RecordSelection(request.filter, plan, model: model)
    warnOfStraddlingGroups(model, plan)
    if case .prompt = input, input.tokens.count > plan.steps {
      warn("the prompt has \(input.tokens.count) tokens and is cut to the \(plan.steps) positions of the run")
    }

    // With the trace on standard output the text goes to standard error.
    let tracesToOutput = try request.output.map { try Tool.isStandardOutput($0) } ?? false
    let text =
      tracesToOutput
      ? OutputWriter(descriptor: STDERR_FILENO, name: "standard error") : OutputWriter.standardOutput()
    func print(_ bytes: [UInt8]) {
      text.write(bytes: bytes)
      text.flush()
    }
    let textDescriptor = tokenizer == nil ? nil : tracesToOutput ? STDERR_FILENO : STDOUT_FILENO
    let progress = Progress(name: name, steps: plan.steps, textDescriptor: textDescriptor)
    let result: RunResult
    var recorded: (recordCount: Int, byteCount: Int)?
    if let path = request.output {
      var recorder = try TraceRecorder(
        path: path, producer: "\(name) \(ToolVersion.current)", plan: plan, selection: selection, model: model,
        tokenizer: tokenizer)
      result = try run(
        plan, model: model, tokenizer: tokenizer, observer: &recorder, print: print, progress: progress.update)
      recorded = try recorder.finish()
    } else {
      result = run(plan, model: model, tokenizer: tokenizer, print: print, progress: progress.update)
    }
    if tokenizer != nil { print([UInt8(ascii: "\n")]) }
    try text.finish()
    progress.finish(
      positions: result.tokens.count, recorded, path: tracesToOutput ? "standard output" : request.output)
    return .success
  }

  /// How many positions are asked for at most.
  private static func steps(
    _ request: Request, _ input: RunPlan.Input, contextLength: Int
  ) throws(UsageError) -> Int {
    if let count = request.steps, count > contextLength {
      throw UsageError("option '-n' needs an integer from 0 to the model's context of \(contextLength), not '\(count)'")
    }
    switch (request.steps, input) {
    case (nil, .forced(let tokens)), (0, .forced(let tokens)): return tokens.count
    case (let count?, .forced(let tokens)): return min(count, tokens.count)
    case (nil, .prompt): return min(256, contextLength)
    case (0, .prompt): return contextLength
    case (let count?, .prompt): return count
    }
  }

  /// The tokenizer; nil where the run can do without and there is none.
  private static func openTokenizer(_ request: Request, _ model: borrowing Checkpoint) throws -> Tokenizer? {
    let path = request.tokenizerPath
    let tokenizer: Tokenizer
    do throws(TokenizerError) {
      tokenizer = try Tokenizer(path: path, vocabularySize: model.configuration.vocabularySize)
    } catch {
      let failure = Tool.failure(error, naming: path)
      guard request.isForced && request.tokenizer == nil else { throw failure }
      // Nobody asked for this file; that there is none is no news, that it is broken is.
      if error.fileError?.isMissing != true { warn("\(failure); the text is not printed") }
      return nil
    }
    if tokenizer.furtherByteCount > 0 {
      warn(
        "\(path): \(tokenizer.furtherByteCount) bytes after the \(tokenizer.pieces.count) entries of the model's "
          + "vocabulary were ignored")
    }
    return tokenizer
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

  /// The tokens of a trace, or of a golden.
  private static func tokens(of path: String) throws(ToolError) -> [Int] {
    if Golden.isGolden(path: path) {
      let golden = try Tool.naming(path) { () throws(GoldenError) in try Golden(path: path) }
      return try ids(golden.tokens, path)
    }
    let trace = try Tool.naming(path) { () throws(TraceError) in try TraceFile(path: path) }
    let tokens = try ids(trace.tokens, path)
    if let problem = trace.problems.first { warn("\(path): \(problem)") }
    return tokens
  }

  private static func ids(_ tokens: [Int: TraceToken], _ path: String) throws(ToolError) -> [Int] {
    let ids = (0..<tokens.count).compactMap { tokens[$0]?.id }
    guard !ids.isEmpty, ids.count == tokens.count else {
      throw .failed("\(path): expected a token at every position from 0, found \(tokens.count)")
    }
    return ids
  }

  private static func warn(_ message: String) { Tool.diagnose(name, "warning: \(message)") }

  private static func warnOfStraddlingGroups(_ model: borrowing Checkpoint, _ plan: RunPlan) {
    guard plan.isQuantized(model), let size = model.groupSize else { return }
    let sizes = model.configuration
    for (name, count) in [("dim", sizes.dim), ("hidden_dim", sizes.hiddenDim)] where count % size != 0 {
      warn(
        "\(model.path): \(name) \(count) is not a multiple of the group size \(size): groups of weights "
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
