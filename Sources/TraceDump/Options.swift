import PlatformLibc
import Model
import ToolSupport
import TraceFormat
import VectorKernels

/// The options of `tracedump` as they were given.
struct Options {
  var output: String?
  var tokenizer: String?
  var prompt: [UInt8]?
  var steps: Int?
  var temperature: Float?
  var topP: Float?
  var seed: Int64?
  var tokens: [Int]?
  var tokensFrom: String?
  var filter = RecordFilter()
  var precision = RunPlan.Precision.float32
  var threads = Options.processorCount
  var vectors = VectorUnit.widest
  var hasNoTrace = false
  var printsTokens = false
  var listsSites = false

  static var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  static var command: Command<Options> {
    Command(
      name: TraceDump.name,
      usage: ["CHECKPOINT [options]", "--list-sites"],
      summary: """
        Runs a llama2.c checkpoint with exactly llama2.c's arithmetic, prints the text it generates, and records every \
        intermediate tensor of every layer and position in a trace file.
        """,
      groups: [
        OptionGroup(
          "Trace",
          [
            Option(
              "output", short: "o", value: "FILE",
              help: """
                Trace file; `-` is standard output, and the text then goes to standard error. Default: the \
                checkpoint's name with .trace, in the current folder.
                """
            ) { (options, value) throws(UsageError) in options.output = try value.path() }
          ]
            + Option.selection(
              \.filter,
              only: "Record these alone.",
              layers: "Record these layers alone; sites outside the layers are left out.",
              positions: """
                Record these positions alone; k.rope and v.proj of earlier positions are kept, since attention reads them, \
                unless --only leaves them out.
                """)
            + [
              Option("no-trace", help: "Write no trace.") { $0.hasNoTrace = true },
              Option("list-sites", help: "Print the sites with their shapes in execution order, and stop.") {
                $0.listsSites = true
              },
            ]),
        OptionGroup(
          "Tokens",
          [
            Option(
              "tokenizer", short: "z", value: "FILE", help: "Tokenizer file. Default: tokenizer.bin."
            ) { (options, value) throws(UsageError) in options.tokenizer = try value.path() },
            Option(
              "prompt", short: "i", value: "TEXT", help: "Prompt; any bytes. Default: none, so only BOS is given."
            ) { (options, value) throws(UsageError) in options.prompt = value.argument.bytes },
            Option(
              "steps", short: "n", value: "N",
              help: "Number of positions at most; 0 is the whole context. Default: 256, or the context if shorter."
            ) { (options, value) throws(UsageError) in options.steps = try value.integer(in: 0...Int.max) },
            Option(
              "temperature", short: "t", value: "T", help: "Sampling temperature; 0, the default, is greedy."
            ) { (options, value) throws(UsageError) in
              options.temperature = Float(
                try value.number("a finite number of at least 0") { $0 >= 0 && Float($0).isFinite })
            },
            Option(
              "top-p", short: "p", value: "P",
              help:
                "Sample from the most probable tokens whose probabilities exceed P together; 0 or 1: from all. Default: 0.9."
            ) { (options, value) throws(UsageError) in
              options.topP = Float(try value.number("a number from 0 to 1") { (0...1).contains($0) })
            },
            Option(
              "seed", short: "s", value: "N",
              help: "Seed of the sampler; its low 32 bits count, and must not be 0. Default: 1."
            ) { (options, value) throws(UsageError) in options.seed = try seed(value) },
            Option(
              "tokens", value: "LIST",
              help: """
                Force these input tokens, e.g. 1,512,278: one position each, fewer with -n, and nothing is generated.
                """
            ) { (options, value) throws(UsageError) in options.tokens = try tokenList(value) },
            Option(
              "tokens-from", value: "TRACE|GOLDEN",
              help: "Force the input tokens that a trace or a golden holds, likewise."
            ) { (options, value) throws(UsageError) in options.tokensFrom = try value.path() },
            Option("print-tokens", help: "Print the prompt's tokens, BOS first, and stop.") { $0.printsTokens = true },
          ]),
        OptionGroup(
          "Arithmetic",
          [
            Option(
              "precision", value: "f32|f64",
              help: "f32 is llama2.c's (int8 products for an int8 checkpoint); f64 is an oracle. Default: f32."
            ) { (options, value) throws(UsageError) in
              guard let precision = RunPlan.Precision(rawValue: try value.text()) else {
                throw value.invalid("f32 or f64")
              }
              options.precision = precision
            },
            Option(
              "threads", value: "N", help: "Threads; the bits do not depend on them. Default: the number of processors."
            ) { (options, value) throws(UsageError) in options.threads = try value.integer(in: 1...1024) },
            Option(
              "vectors", value: "UNIT",
              help: """
                Vector instructions: baseline, avx2 or avx512; the bits do not depend on them. Default: the widest that this \
                processor has.
                """
            ) { (options, value) throws(UsageError) in options.vectors = try vectorUnit(value) },
          ]),
      ],
      details: [
        Option<Self>.selectionDetails,
        "Exit status: 0, or 2 for trouble.",
      ])
  }

  /// A decimal integer of any length: its low 32 bits, sign-extended, as llama2.c takes them.
  private static func seed(_ value: OptionValue) throws(UsageError) -> Int64 {
    var digits = value.argument.bytes[...]
    let isNegative = digits.first == UInt8(ascii: "-")
    if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
    guard !digits.isEmpty, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { throw value.invalid("an integer") }
    var bits: UInt32 = 0
    for digit in digits { bits = bits &* 10 &+ UInt32(digit - 0x30) }
    let seed = Int64(Int32(bitPattern: isNegative ? 0 &- bits : bits))
    guard seed != 0 else { throw value.invalid("an integer whose low 32 bits are not 0") }
    return seed
  }

  private static func vectorUnit(_ value: OptionValue) throws(UsageError) -> VectorUnit {
    let units: [String: VectorUnit] = ["baseline": .baseline, "avx2": .avx2, "avx512": .avx512]
    guard let unit = units[try value.text()] else { throw value.invalid("baseline, avx2 or avx512") }
    guard vector_unit_is_available(unit) else { throw value.invalid("a unit that this processor has") }
    return unit
  }

  private static func tokenList(_ value: OptionValue) throws(UsageError) -> [Int] {
    var tokens: [Int] = []
    for part in try value.text().split(separator: ",", omittingEmptySubsequences: false) {
      guard !part.isEmpty, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let token = Int(part) else {
        throw value.invalid("token ids such as 1,512,278")
      }
      tokens.append(token)
    }
    return tokens
  }
}

extension Options {
  /// Checks what the options mean together.
  func validated(_ operands: [Argument]) throws(UsageError) -> Request {
    guard let checkpoint = operands.first else { throw UsageError("a CHECKPOINT is needed; see --help") }
    if operands.count > 1 { throw UsageError("unexpected argument '\(operands[1].visible)'; see --help") }
    if hasNoTrace && output != nil { throw UsageError("--output and --no-trace exclude each other") }
    if tokens != nil && tokensFrom != nil { throw UsageError("--tokens and --tokens-from exclude each other") }
    if let forced = tokens != nil ? "--tokens" : tokensFrom != nil ? "--tokens-from" : nil {
      let others = [
        ("a prompt", prompt != nil), ("--temperature", temperature != nil), ("--top-p", topP != nil),
        ("--seed", seed != nil),
      ]
      for (name, isGiven) in others where isGiven { throw UsageError("\(forced) and \(name) exclude each other") }
    }
    let input: Request.Input
    if let tokens {
      input = .tokens(tokens)
    } else if let tokensFrom {
      input = .tokensFrom(tokensFrom)
    } else {
      let sampling = RunPlan.Sampling(temperature: temperature ?? 0, topP: topP ?? 0.9, seed: seed ?? 1)
      input = .prompt(prompt ?? [], sampling)
    }
    return Request(
      checkpoint: checkpoint.path, output: hasNoTrace ? nil : output ?? Self.defaultOutput(checkpoint.path),
      tokenizer: tokenizer, input: input, steps: steps, filter: filter, precision: precision, threads: threads,
      vectors: vectors, printsTokens: printsTokens)
  }

  /// The checkpoint's name with `.trace` for `.bin`, in the current folder.
  private static func defaultOutput(_ checkpoint: String) -> String {
    let name = checkpoint.split(separator: "/").last.map(String.init) ?? checkpoint
    return (name.hasSuffix(".bin") ? String(name.dropLast(4)) : name) + ".trace"
  }
}
