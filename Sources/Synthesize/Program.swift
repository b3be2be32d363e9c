import Model
import Synthesis
import ToolSupport

/// The program `llama2-synthesize`.
@main
struct Program {
  static func main() {
    Tool.run(name: "llama2-synthesize") { arguments in
      var parsed = Arguments()
      switch try command.parse(arguments, into: &parsed) {
      case .help: return try Tool.print(command.help)
      case .version: return try Tool.print("llama2-synthesize \(ToolVersion.current)\n")
      case .run(let operands): return try perform(Job(parsed, operands: operands))
      }
    }
  }

  /// Writes the files, and says what they are.
  private static func perform(_ job: Job) throws -> ExitStatus {
    try Tool.requireApart(outputs: [job.checkpointPath] + (job.tokenizerPath.map { [$0] } ?? []), inputs: [])
    let byteCount = try job.model.write(to: job.checkpointPath, version: job.version, groupSize: job.groupSize)
    var lines = ["\(job.checkpointPath): \(describe(job)), \(byteCount) bytes"]
    if let path = job.tokenizerPath {
      let tokenizer = SyntheticTokenizer(vocabularySize: job.model.configuration.vocabularySize)
      let byteCount = try tokenizer.write(to: path)
      lines.append("\(path): tokenizer, \(tokenizer.vocabularySize) tokens, \(byteCount) bytes")
    }
    return try Tool.print(lines.map { $0 + "\n" }.joined())
  }

  private static func describe(_ job: Job) -> String {
    let sizes = job.model.configuration
    let type = job.groupSize.map { "int8 in groups of \($0)" } ?? "float32"
    return """
      v\(job.version.rawValue) \(type), dim \(sizes.dim), hidden_dim \(sizes.hiddenDim), n_layers \(sizes.layerCount), \
      n_heads \(sizes.headCount), n_kv_heads \(sizes.keyValueHeadCount), vocab_size \(sizes.vocabularySize), \
      seq_len \(sizes.sequenceLength), \(sizes.sharesClassifier ? "shared" : "separate") classifier, \
      seed \(job.model.seed)
      """
  }
}
