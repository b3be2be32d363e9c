package import Model
import Synthesis
import TraceFormat

/// Synthetic models of several shapes, small enough for every test.
package enum TestModel: String, CaseIterable, Sendable {
  /// Grouped heads, shared classifier, hidden size a multiple of nothing.
  case grouped
  /// One key and value head per query head, separate classifier.
  case separateClassifier
  /// All query heads share one key and value head; one layer.
  case multiQuery
  /// Heads of two elements: one pair each.
  case smallHeads

  /// The sizes.
  package func configuration() throws -> Configuration {
    switch self {
    case .grouped:
      try Configuration(
        dim: 48, hiddenDim: 101, layerCount: 3, headCount: 6, keyValueHeadCount: 2, vocabularySize: 320,
        sequenceLength: 128, sharesClassifier: true)
    case .separateClassifier:
      try Configuration(
        dim: 32, hiddenDim: 88, layerCount: 2, headCount: 4, keyValueHeadCount: 4, vocabularySize: 270,
        sequenceLength: 64, sharesClassifier: false)
    case .multiQuery:
      try Configuration(
        dim: 40, hiddenDim: 24, layerCount: 1, headCount: 5, keyValueHeadCount: 1, vocabularySize: 261,
        sequenceLength: 32, sharesClassifier: true)
    case .smallHeads:
      try Configuration(
        dim: 16, hiddenDim: 56, layerCount: 4, headCount: 8, keyValueHeadCount: 4, vocabularySize: 300,
        sequenceLength: 64, sharesClassifier: false)
    }
  }

  /// The checkpoint file's bytes.
  package func bytes(_ version: CheckpointVersion, seed: UInt64 = 1) throws -> [UInt8] {
    let model = SyntheticModel(configuration: try configuration(), seed: seed)
    return try model.checkpointBytes(version: version, groupSize: version == .int8 ? 8 : nil)
  }

  /// The checkpoint, in memory.
  package func checkpoint(_ version: CheckpointVersion = .legacy, seed: UInt64 = 1) throws -> Checkpoint {
    let contents = try bytes(version, seed: seed)
    let file = try MappedFile(copying: contents, name: rawValue)
    return try Checkpoint(file)
  }

  /// The tokenizer file's bytes.
  package func tokenizerBytes() throws -> [UInt8] {
    SyntheticTokenizer(vocabularySize: try configuration().vocabularySize).bytes
  }

  /// The tokenizer.
  package func tokenizer() throws -> Tokenizer {
    let contents = try tokenizerBytes()
    let size = try configuration().vocabularySize
    return try Tokenizer(contents.span.bytes, vocabularySize: size)
  }
}

/// Forced tokens that differ from position to position.
package func sampleTokens(count: Int, vocabularySize: Int) -> [Int] {
  [1] + (1..<count).map { 3 + ($0 * 37 + $0 * $0 * 11) % (vocabularySize - 3) }
}
