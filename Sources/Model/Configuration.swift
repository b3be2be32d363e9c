package import TraceFormat

/// The sizes of a Llama-2-architecture model. Every value of this type is consistent: sizes are positive, heads divide
/// what they must divide, and the product of any two is below 2^62. Products of three can overflow: those that a
/// file must hold are checked when it is opened, those that memory must hold when a run is planned.
public struct Configuration: Hashable, Sendable {
  /// Width of the residual stream.
  public let dim: Int
  /// Width of the feed-forward network.
  public let hiddenDim: Int
  /// Number of layers.
  public let layerCount: Int
  /// Number of query heads.
  public let headCount: Int
  /// Number of key and value heads; divides the number of query heads.
  public let keyValueHeadCount: Int
  /// Number of tokens.
  public let vocabularySize: Int
  /// Longest context, in positions.
  public let sequenceLength: Int
  /// Whether the classifier is the embedding table.
  public let sharesClassifier: Bool

  /// llama2.c's names of the sizes, in the order of a checkpoint's header.
  static let sizeNames = ["dim", "hidden_dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "seq_len"]

  /// Elements per head: dim / n_heads.
  public var headSize: Int { dim / headCount }
  /// Width of keys and values: n_kv_heads * head_size.
  public var keyValueDim: Int { keyValueHeadCount * headSize }
  /// Query heads per key and value head.
  public var headsPerKeyValueHead: Int { headCount / keyValueHeadCount }

  /// Sizes.
  ///
  /// - Throws: `ConfigurationError` for the first rule that they break.
  public init(
    dim: Int, hiddenDim: Int, layerCount: Int, headCount: Int, keyValueHeadCount: Int, vocabularySize: Int,
    sequenceLength: Int, sharesClassifier: Bool
  ) throws(ConfigurationError) {
    let sizes = [dim, hiddenDim, layerCount, headCount, keyValueHeadCount, vocabularySize, sequenceLength]
    for (name, size) in zip(Self.sizeNames, sizes) where !(1...Int(Int32.max)).contains(size) {
      throw .sizeOutOfRange(name: name, found: size)
    }
    guard dim % headCount == 0 else { throw .headsDoNotDivideDim(headCount: headCount, dim: dim) }
    guard headCount % keyValueHeadCount == 0 else {
      throw .keyValueHeadsDoNotDivideHeads(keyValueHeadCount: keyValueHeadCount, headCount: headCount)
    }
    guard (dim / headCount) % 2 == 0 else { throw .oddHeadSize(dim / headCount) }
    self.dim = dim
    self.hiddenDim = hiddenDim
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.vocabularySize = vocabularySize
    self.sequenceLength = sequenceLength
    self.sharesClassifier = sharesClassifier
  }

  /// The length of a site's vector; nil for attention, whose length grows with the position.
  ///
  /// - Parameter groupSize: elements per quantization group, for the sites that hold group scales.
  package func length(of site: Site, groupSize: Int?) -> Int? {
    guard case .vector(let extent) = site.shape else { return nil }
    switch extent {
    case .dim: return dim
    case .kvDim: return keyValueDim
    case .hiddenDim: return hiddenDim
    case .vocabulary: return vocabularySize
    case .dimGroups: return groupSize.map { dim / $0 }
    case .hiddenGroups: return groupSize.map { hiddenDim / $0 }
    }
  }
}

/// A rule that sizes break.
public enum ConfigurationError: Error, Equatable, Sendable {
  /// A size is not between 1 and 2^31 - 1.
  case sizeOutOfRange(name: String, found: Int)
  /// dim is not a multiple of n_heads.
  case headsDoNotDivideDim(headCount: Int, dim: Int)
  /// n_heads is not a multiple of n_kv_heads.
  case keyValueHeadsDoNotDivideHeads(keyValueHeadCount: Int, headCount: Int)
  /// RoPE rotates pairs, so a head must have an even number of elements.
  case oddHeadSize(Int)
}

extension ConfigurationError {
  /// The place, among the seven sizes of a checkpoint's header, of the one that is to be changed.
  var fieldIndex: Int {
    switch self {
    case .sizeOutOfRange(let name, _): Configuration.sizeNames.firstIndex(of: name) ?? 0
    case .headsDoNotDivideDim, .oddHeadSize: 3
    case .keyValueHeadsDoNotDivideHeads: 4
    }
  }
}

extension ConfigurationError: CustomStringConvertible {
  /// One line in lower case.
  public var description: String {
    switch self {
    case .sizeOutOfRange(let name, let found): "\(name): expected 1 to 2147483647, found \(found)"
    case .headsDoNotDivideDim(let heads, let dim): "n_heads: expected a divisor of dim \(dim), found \(heads)"
    case .keyValueHeadsDoNotDivideHeads(let keyValueHeads, let heads):
      "n_kv_heads: expected a divisor of n_heads \(heads), found \(keyValueHeads)"
    case .oddHeadSize(let size): "head_size (dim / n_heads): expected an even number, found \(size)"
    }
  }
}
