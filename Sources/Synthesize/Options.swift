import Model
import Synthesis
import ToolSupport

/// The command line of `llama2-synthesize`.
var command: Command<Arguments> {
  Command(
    name: "llama2-synthesize",
    usage: ["PRESET -o FILE [options]"],
    summary: """
      Writes a checkpoint for llama2.c with seeded weights, and a tokenizer that matches it. The same seed and sizes give \
      the same bytes on every platform.
      """,
    groups: [files, format, sizes],
    details: [
      """
      PRESET gives the sizes to start from:
        tiny   48 wide, 3 layers, 6 heads on 2 kv heads, hidden_dim 101, 320 tokens, separate classifier
        15M    stories15M: 288 wide, 6 layers, 6 heads, hidden_dim 768, 32000 tokens
        110M   stories110M: 768 wide, 12 layers, 12 heads, hidden_dim 2048, 32000 tokens
      """,
      """
      --version followed by 0, 1 or 2 is --checkpoint-version; otherwise it prints the program's version, as -V does.
      """,
      "All versions hold the same weights for the same seed; version 2 holds them quantized as llama2.c's export.py does.",
      "Exit status: 0 when the files are written, 2 for trouble.",
    ],
    valuedVersion: (checkpointVersionName, ["0", "1", "2"]))
}

private let checkpointVersionName = "checkpoint-version"

private var files: OptionGroup<Arguments> {
  OptionGroup(
    "Files",
    [
      Option("output", short: "o", value: "FILE", help: "The checkpoint to write.") {
        (arguments, value) throws(UsageError) in
        arguments.output = try fileName(value)
      },
      Option(
        "tokenizer", short: "z", value: "FILE",
        help: """
          The tokenizer to write; none for none. By default it goes beside the checkpoint: model.bin gets \
          model.tokenizer.bin.
          """
      ) { (arguments, value) throws(UsageError) in
        let path = try fileName(value)
        arguments.tokenizer = path == "none" ? .none : .path(path)
      },
    ])
}

private var format: OptionGroup<Arguments> {
  OptionGroup(
    "Contents",
    [
      Option("seed", short: "s", value: "N", help: "Seed of the weights; default 1.") {
        (arguments, value) throws(UsageError) in
        arguments.seed = try value.integer(in: 0...Int.max)
      },
      Option(
        checkpointVersionName, value: "0|1|2",
        help: """
          Layout of the checkpoint, also --version 0|1|2: 0 (default) and 1 hold float32, 2 holds int8 with group scales.
          """
      ) { (arguments, value) throws(UsageError) in
        guard let number = value.argument.text.flatMap({ Int($0) }), let version = CheckpointVersion(rawValue: number)
        else { throw value.invalid("0, 1 or 2") }
        arguments.version = version
      },
      Option(
        "group-size", value: "N",
        help: """
          Elements per quantization group of version 2; it must divide the number of elements of every matrix. Default: \
          64, halved until it divides dim.
          """
      ) { (arguments, value) throws(UsageError) in
        arguments.groupSize = try value.integer(in: 1...Int(Int32.max))
      },
    ])
}

private var sizes: OptionGroup<Arguments> {
  OptionGroup(
    "Sizes (in place of the preset's)",
    [
      size("dim", \.dim, "Width of the residual stream."),
      size("hidden-dim", \.hiddenDim, "Width of the feed-forward network."),
      size("layers", \.layerCount, "Number of layers."),
      size("heads", \.headCount, "Number of query heads; divides dim, dim / heads is even."),
      size("kv-heads", \.keyValueHeadCount, "Number of key and value heads; divides the number of query heads."),
      size("vocab", \.vocabularySize, "Number of tokens."),
      size("seq-len", \.sequenceLength, "Longest context, in positions."),
      Option("classifier", value: "shared|separate", help: "Whether the classifier is the embedding table.") {
        (arguments, value) throws(UsageError) in
        switch value.argument.text {
        case "shared": arguments.sharesClassifier = true
        case "separate": arguments.sharesClassifier = false
        default: throw value.invalid("'shared' or 'separate'")
        }
      },
    ])
}

private func size(_ name: String, _ size: WritableKeyPath<ModelSizes, Int>, _ help: String) -> Option<Arguments> {
  Option(name, value: "N", help: help) { (arguments, value) throws(UsageError) in
    arguments.sizes.append((size, try value.integer(in: 1...Int(Int32.max))))
  }
}

/// The name of a file; a checkpoint cannot go to standard output, where the summary goes.
private func fileName(_ value: OptionValue) throws(UsageError) -> String {
  let path = try value.path()
  guard path != "-" else { throw value.invalid("the name of a file") }
  return path
}
