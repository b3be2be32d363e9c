import Model
import TraceFormat

/// A part of a checkpoint file: the tensors of one name.
enum Part: UInt64 {
  // Raw values choose the random streams: a change of one changes every checkpoint.
  case embedding = 1
  case attentionNorm = 2
  case wq = 3
  case wk = 4
  case wv = 5
  case wo = 6
  case ffnNorm = 7
  case w1 = 8
  case w2 = 9
  case w3 = 10
  case finalNorm = 11
  case classifier = 12
  /// The two RoPE tables of v0, which nothing has read since llama2.c computes them. They hold noise as large as sines
  /// and cosines, so that a reader that takes them for weights is found out.
  case rotation = 13

  /// Whether every layer has one.
  var isPerLayer: Bool {
    switch self {
    case .embedding, .finalNorm, .classifier, .rotation: false
    default: true
    }
  }

  /// Whether it is quantized in int8 checkpoints.
  var isMatrix: Bool {
    switch self {
    case .attentionNorm, .ffnNorm, .finalNorm, .rotation: false
    default: true
    }
  }

  var name: String {
    switch self {
    case .embedding: WeightName.tokenEmbedding.rawValue
    case .attentionNorm: WeightName.attentionNorm.rawValue
    case .wq: WeightName.wq.rawValue
    case .wk: WeightName.wk.rawValue
    case .wv: WeightName.wv.rawValue
    case .wo: WeightName.wo.rawValue
    case .ffnNorm: WeightName.ffnNorm.rawValue
    case .w1: WeightName.w1.rawValue
    case .w2: WeightName.w2.rawValue
    case .w3: WeightName.w3.rawValue
    case .finalNorm: WeightName.finalNorm.rawValue
    case .classifier: WeightName.classifier.rawValue
    case .rotation: "unused RoPE tables"
    }
  }
}

extension SyntheticModel {
  /// Standard deviations, as factors of what keeps the size of a product's input (1 / sqrt(its length)).
  private enum Gain {
    /// Of queries and of keys; scores have the product of both as their standard deviation.
    static let query = 1.45
    static let gate = 1.2
    /// Of what the attention of one position onto itself alone adds to x, over sqrt(n_layers).
    static let attention = 1.8
    /// Of the down projection, over sqrt(n_layers).
    static let down = 2.0
    /// Of a separate classifier: the standard deviation of the logits.
    static let logits = 2.0
  }

  /// Standard deviation of the embedding table, and so of the logits over sqrt(dim) where the classifier shares it.
  private static let embeddingDeviation = 0.1

  /// What the first layer's attention takes away of the embeddings it attends to, each scaled to a mean square of 1: wo
  /// is random around this negative multiple of the transposed wv, and the transposed wv times wv is near the identity.
  /// Twice what the embedding itself puts into x, so that greedy decoding does not repeat a token for ever.
  private static let suppression = 2 * embeddingDeviation

  /// Correlation of a separate classifier with the embedding table.
  private static let correlation = 0.6

  /// Standard deviation of norm weights around 1.
  private static let normDeviation = 0.2

  /// One tensor of a layer (0 outside the layers).
  func tensor(_ part: Part, layer: Int) -> SyntheticTensor {
    let sizes = configuration
    let perInput = 1 / Double(sizes.dim).squareRoot()
    let perLayer = 1 / Double(sizes.layerCount).squareRoot()
    let norm = SyntheticTensor.Values.bell(mean: 1, deviation: Self.normDeviation)
    func weights(_ gain: Double) -> SyntheticTensor.Values { .bell(mean: 0, deviation: gain * perInput) }
    func make(_ rows: Int, _ columns: Int, _ values: SyntheticTensor.Values) -> SyntheticTensor {
      SyntheticTensor(
        name: part.name, rows: rows, columns: columns, values: values,
        stream: VariateStream(seed: seed, tag: part.rawValue, layer: layer))
    }
    switch part {
    case .embedding:
      return make(sizes.vocabularySize, sizes.dim, .tokenRows(deviation: Self.embeddingDeviation))
    case .attentionNorm, .ffnNorm, .finalNorm: return make(1, sizes.dim, norm)
    case .wq: return make(sizes.dim, sizes.dim, weights(Gain.query))
    case .wk: return make(sizes.keyValueDim, sizes.dim, weights(Gain.query))
    case .wv: return make(sizes.keyValueDim, sizes.dim, weights(1))
    case .wo where layer == 0:
      let values = SyntheticTensor.ColumnMultiple(
        stream: VariateStream(seed: seed, tag: Part.wv.rawValue, layer: 0), columns: sizes.dim, deviation: perInput,
        multiple: -Self.suppression, blockRows: sizes.headSize, repeats: sizes.headsPerKeyValueHead)
      return make(sizes.dim, sizes.dim, .bellAround(values, deviation: Gain.attention * perLayer * perInput))
    case .wo: return make(sizes.dim, sizes.dim, weights(Gain.attention * perLayer))
    case .w1: return make(sizes.hiddenDim, sizes.dim, weights(Gain.gate))
    case .w2:
      let deviation = Gain.down * perLayer / Double(sizes.hiddenDim).squareRoot()
      return make(sizes.dim, sizes.hiddenDim, .bell(mean: 0, deviation: deviation))
    case .w3: return make(sizes.hiddenDim, sizes.dim, weights(1))
    case .classifier:
      let embedding = VariateStream(seed: seed, tag: Part.embedding.rawValue, layer: 0)
      return make(
        sizes.vocabularySize, sizes.dim,
        .correlatedTokenRows(embedding, correlation: Self.correlation, deviation: Gain.logits * perInput))
    case .rotation: return make(sizes.sequenceLength, sizes.headSize, .uniform)
    }
  }
}
