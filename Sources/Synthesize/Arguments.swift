import Model
import Synthesis
import ToolSupport

/// What the command line asks for, still to be checked as a whole.
struct Arguments {
  /// Where the tokenizer goes.
  enum TokenizerFile: Equatable {
    case besideCheckpoint
    case path(String)
    case none
  }

  var output: String?
  var seed = 1
  var version = CheckpointVersion.legacy
  var groupSize: Int?
  var sharesClassifier: Bool?
  var tokenizer = TokenizerFile.besideCheckpoint
  var sizes: [(size: WritableKeyPath<ModelSizes, Int>, value: Int)] = []
}
