import Model
import Synthesis
import ToolSupport

/// What is to be written, checked.
struct Job {
  let model: SyntheticModel
  let version: CheckpointVersion
  /// nil for float32.
  let groupSize: Int?
  let checkpointPath: String
  /// nil where no tokenizer is wanted.
  let tokenizerPath: String?

  /// Checks the arguments against each other.
  init(_ arguments: Arguments, operands: [Argument]) throws {
    let names = ModelPreset.allCases.map(\.rawValue)
    guard let operand = operands.first else {
      throw UsageError("which preset? one of \(names.joined(separator: ", ")); see --help")
    }
    guard operands.count == 1 else { throw UsageError("unexpected argument '\(operands[1].visible)'; see --help") }
    guard let preset = operand.text.flatMap(ModelPreset.init(rawValue:)) else {
      throw UsageError("unknown preset '\(operand.visible)'; expected one of \(names.joined(separator: ", "))")
    }
    guard let output = arguments.output else { throw UsageError("the checkpoint needs a name: -o FILE; see --help") }
    guard arguments.groupSize == nil || arguments.version == .int8 else {
      throw UsageError("option '--group-size' needs --version 2: other versions have no groups")
    }
    var sizes = preset.sizes
    for change in arguments.sizes { sizes[keyPath: change.size] = change.value }
    if let sharesClassifier = arguments.sharesClassifier { sizes.sharesClassifier = sharesClassifier }
    model = SyntheticModel(configuration: try sizes.configuration(), seed: UInt64(arguments.seed))
    version = arguments.version
    groupSize = version == .int8 ? arguments.groupSize ?? model.defaultGroupSize : nil
    checkpointPath = output
    switch arguments.tokenizer {
    case .none: tokenizerPath = nil
    case .path(let path): tokenizerPath = path
    case .besideCheckpoint: tokenizerPath = Self.tokenizerPath(besides: output)
    }
  }

  /// `model.bin` becomes `model.tokenizer.bin`, any other name gets `.tokenizer.bin` at its end.
  private static func tokenizerPath(besides checkpoint: String) -> String {
    (checkpoint.hasSuffix(".bin") ? String(checkpoint.dropLast(4)) : checkpoint) + ".tokenizer.bin"
  }
}
