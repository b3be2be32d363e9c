import Model
import TraceFormat
import VectorKernels

/// A valid request: what is to be run and where its trace goes.
struct Request {
  /// Where tokens come from.
  enum Input {
    case prompt([UInt8], RunPlan.Sampling)
    case tokens([Int])
    case tokensFrom(String)
  }

  var checkpoint: String
  /// nil: no trace.
  var output: String?
  /// nil: tokenizer.bin, if it is there.
  var tokenizer: String?
  var input: Input
  var steps: Int?
  var filter: RecordFilter
  var precision: RunPlan.Precision
  var threads: Int
  var vectors: VectorUnit
  var printsTokens: Bool

  var tokenizerPath: String { tokenizer ?? "tokenizer.bin" }

  /// The files that are read.
  var inputs: [String] {
    if case .tokensFrom(let path) = input { [checkpoint, tokenizerPath, path] } else { [checkpoint, tokenizerPath] }
  }

  var isForced: Bool { if case .prompt = input { false } else { true } }
}
