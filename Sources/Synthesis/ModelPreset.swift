package import Model

/// Shapes to start from.
package enum ModelPreset: String, CaseIterable, Sendable {
  /// Small enough for any test: grouped heads, a separate classifier, a hidden size that no group size divides.
  case tiny
  /// llama2.c's stories15M.
  case stories15M = "15M"
  /// llama2.c's stories110M.
  case stories110M = "110M"

  /// The preset's sizes.
  package var sizes: ModelSizes {
    switch self {
    case .tiny:
      ModelSizes(
        dim: 48, hiddenDim: 101, layerCount: 3, headCount: 6, keyValueHeadCount: 2, vocabularySize: 320,
        sequenceLength: 128, sharesClassifier: false)
    case .stories15M:
      ModelSizes(
        dim: 288, hiddenDim: 768, layerCount: 6, headCount: 6, keyValueHeadCount: 6, vocabularySize: 32000,
        sequenceLength: 256, sharesClassifier: true)
    case .stories110M:
      ModelSizes(
        dim: 768, hiddenDim: 2048, layerCount: 12, headCount: 12, keyValueHeadCount: 12, vocabularySize: 32000,
        sequenceLength: 1024, sharesClassifier: true)
    }
  }
}

/// Sizes that can still be changed; `configuration()` checks them.
package struct ModelSizes: Hashable, Sendable {
  /// Width of the residual stream.
  package var dim: Int
  /// Width of the feed-forward network.
  package var hiddenDim: Int
  /// Number of layers.
  package var layerCount: Int
  /// Number of query heads.
  package var headCount: Int
  /// Number of key and value heads.
  package var keyValueHeadCount: Int
  /// Number of tokens.
  package var vocabularySize: Int
  /// Longest context, in positions.
  package var sequenceLength: Int
  /// Whether the classifier is the embedding table.
  package var sharesClassifier: Bool

  /// The checked sizes.
  package func configuration() throws(ConfigurationError) -> Configuration {
    try Configuration(
      dim: dim, hiddenDim: hiddenDim, layerCount: layerCount, headCount: headCount,
      keyValueHeadCount: keyValueHeadCount, vocabularySize: vocabularySize, sequenceLength: sequenceLength,
      sharesClassifier: sharesClassifier)
  }
}
