/// What a site is computed from: its operation, the sites that go into it, and the weights.
///
/// The table of all sites, `Site.operation(quantized:)`, is the model's dataflow, written down once. Replaying a trace,
/// naming causes, carrying values through sites that were not recorded, reports and documentation read it.
public struct SiteOperation: Hashable, Sendable {
  /// The operations of the architecture.
  public enum Kind: String, CaseIterable, Sendable {
    /// A row of the embedding table.
    case embedding
    /// x / sqrt(mean(x^2) + epsilon), times a weight.
    case rmsNorm = "RMSNorm"
    /// A matrix times a vector.
    case product = "matrix product"
    /// RoPE.
    case rotation = "RoPE"
    /// Queries times keys, scaled.
    case scores = "attention scores"
    /// Softmax over the positions, per head.
    case softmax
    /// Attention weights times values.
    case weightedSum = "weighted sum of values"
    /// A branch added to the residual stream.
    case residual
    /// silu(gate) * up.
    case swiglu = "SwiGLU"
    /// Group scales of a quantized activation.
    case quantizedScales = "quantization scales"
    /// int8 values of a quantized activation.
    case quantizedValues = "quantization"
  }

  /// Where an input comes from.
  public enum Input: Hashable, Sendable {
    /// A site of the same layer and position.
    case same(Site)
    /// A site of the same layer at this and every earlier position: what a cache holds.
    case cached(Site)
    /// A site of the layer below at the same position; below the first layer, `first`, a site before the layers.
    case below(Site, first: Site)
  }

  /// The operation.
  public let kind: Kind
  /// Its inputs, in the order of its formula.
  public let inputs: [Input]
  /// Its weights; nil where it has none.
  public let weight: WeightName?

  init(_ kind: Kind, _ inputs: [Input], weight: WeightName? = nil) {
    self.kind = kind
    self.inputs = inputs
    self.weight = weight
  }
}

extension SiteOperation.Input {
  /// The site, where the layer has one below it.
  public var site: Site {
    switch self {
    case .same(let site), .cached(let site), .below(let site, _): site
    }
  }

  /// The site and layer that are read at a layer.
  ///
  /// - Parameters:
  ///   - layer: of the operation; nil after the layers.
  ///   - layerCount: number of layers of the model.
  public func source(layer: Int?, layerCount: Int) -> (site: Site, layer: Int?) {
    switch self {
    case .same(let site), .cached(let site): return (site, site.scope == .layer ? layer : nil)
    case .below(let site, let first):
      let below = (layer ?? layerCount) - 1
      return below < 0 ? (first, nil) : (site, below)
    }
  }
}

extension Site {
  /// What the site is computed from.
  ///
  /// - Parameter quantized: whether the run quantizes what goes into its matrix products, as llama2.c's `runq` does.
  public func operation(quantized: Bool) -> SiteOperation {
    guard let row = Self.operations[self] else { preconditionFailure("the dataflow table lacks \(rawValue)") }
    guard quantized, row.kind == .product, let activation = row.inputs.first?.site,
      let pair = Self.quantized.first(where: { $0.activation == activation })
    else { return row }
    return SiteOperation(.product, [.same(pair.values), .same(pair.scales)], weight: row.weight)
  }

  /// The activations that an int8 run quantizes, and what it makes of them.
  static let quantized: [(activation: Site, values: Site, scales: Site)] = [
    (.attentionNorm, .attentionNormValues, .attentionNormScales),
    (.attention, .attentionValues, .attentionScales),
    (.ffnNorm, .ffnNormValues, .ffnNormScales),
    (.swiglu, .swigluValues, .swigluScales),
    (.finalNorm, .finalNormValues, .finalNormScales),
  ]

  private static let operations: [Site: SiteOperation] = {
    var table: [Site: SiteOperation] = [
      .embedding: SiteOperation(.embedding, [], weight: .tokenEmbedding),
      .attentionNorm: SiteOperation(.rmsNorm, [.below(.ffnResidual, first: .embedding)], weight: .attentionNorm),
      .queryProjection: SiteOperation(.product, [.same(.attentionNorm)], weight: .wq),
      .keyProjection: SiteOperation(.product, [.same(.attentionNorm)], weight: .wk),
      .valueProjection: SiteOperation(.product, [.same(.attentionNorm)], weight: .wv),
      .queryRotation: SiteOperation(.rotation, [.same(.queryProjection)]),
      .keyRotation: SiteOperation(.rotation, [.same(.keyProjection)]),
      .attentionScores: SiteOperation(.scores, [.same(.queryRotation), .cached(.keyRotation)]),
      .attentionWeights: SiteOperation(.softmax, [.same(.attentionScores)]),
      .attention: SiteOperation(.weightedSum, [.same(.attentionWeights), .cached(.valueProjection)]),
      .outputProjection: SiteOperation(.product, [.same(.attention)], weight: .wo),
      .attentionResidual: SiteOperation(
        .residual, [.below(.ffnResidual, first: .embedding), .same(.outputProjection)]),
      .ffnNorm: SiteOperation(.rmsNorm, [.same(.attentionResidual)], weight: .ffnNorm),
      .gateProjection: SiteOperation(.product, [.same(.ffnNorm)], weight: .w1),
      .upProjection: SiteOperation(.product, [.same(.ffnNorm)], weight: .w3),
      .swiglu: SiteOperation(.swiglu, [.same(.gateProjection), .same(.upProjection)]),
      .downProjection: SiteOperation(.product, [.same(.swiglu)], weight: .w2),
      .ffnResidual: SiteOperation(.residual, [.same(.attentionResidual), .same(.downProjection)]),
      .finalNorm: SiteOperation(.rmsNorm, [.below(.ffnResidual, first: .embedding)], weight: .finalNorm),
      .logits: SiteOperation(.product, [.same(.finalNorm)], weight: .classifier),
    ]
    for (activation, values, scales) in quantized {
      table[scales] = SiteOperation(.quantizedScales, [.same(activation)])
      table[values] = SiteOperation(.quantizedValues, [.same(activation), .same(scales)])
    }
    return table
  }()
}
