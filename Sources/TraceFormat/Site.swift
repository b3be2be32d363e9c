/// A point of the forward pass at which a buffer has a meaning, named `buffer.stage`.
///
/// The cases stand in the order of execution within one position: the sites before the layers, those of one
/// layer, those after the layers. llama2.c reuses its buffers (`xb` holds four different things per layer), so a
/// buffer's name alone would be ambiguous.
public enum Site: String, CaseIterable, Sendable {
  /// Embedding row of the token.
  case embedding = "x.embed"

  /// RMSNorm of x, input of attention.
  case attentionNorm = "xb.attn_norm"
  /// int8 values of `xb.attn_norm`.
  case attentionNormValues = "xq.attn_norm"
  /// Group scales of `xb.attn_norm`.
  case attentionNormScales = "xs.attn_norm"
  /// Query projection, before RoPE.
  case queryProjection = "q.proj"
  /// Key projection, before RoPE.
  case keyProjection = "k.proj"
  /// Value projection; what the cache holds.
  case valueProjection = "v.proj"
  /// Queries after RoPE.
  case queryRotation = "q.rope"
  /// Keys after RoPE; what the cache holds.
  case keyRotation = "k.rope"
  /// Scaled scores, before softmax.
  case attentionScores = "att.scores"
  /// Attention weights.
  case attentionWeights = "att.softmax"
  /// Weighted sum of values, heads concatenated.
  case attention = "xb.attn"
  /// int8 values of `xb.attn`.
  case attentionValues = "xq.attn"
  /// Group scales of `xb.attn`.
  case attentionScales = "xs.attn"
  /// Output projection.
  case outputProjection = "xb2.wo"
  /// x after the attention residual.
  case attentionResidual = "x.attn_residual"
  /// RMSNorm of x, input of the feed-forward network.
  case ffnNorm = "xb.ffn_norm"
  /// int8 values of `xb.ffn_norm`.
  case ffnNormValues = "xq.ffn_norm"
  /// Group scales of `xb.ffn_norm`.
  case ffnNormScales = "xs.ffn_norm"
  /// Gate projection, w1.
  case gateProjection = "hb.w1"
  /// Up projection, w3.
  case upProjection = "hb2.w3"
  /// silu(w1 x) * (w3 x).
  case swiglu = "hb.swiglu"
  /// int8 values of `hb.swiglu`.
  case swigluValues = "hq.swiglu"
  /// Group scales of `hb.swiglu`.
  case swigluScales = "hs.swiglu"
  /// Down projection, w2.
  case downProjection = "xb.w2"
  /// x after the feed-forward residual.
  case ffnResidual = "x.ffn_residual"

  /// Final RMSNorm.
  case finalNorm = "x.final_norm"
  /// int8 values of `x.final_norm`.
  case finalNormValues = "xq.final_norm"
  /// Group scales of `x.final_norm`.
  case finalNormScales = "xs.final_norm"
  /// Classifier output, before temperature.
  case logits = "logits"
}

extension Site {
  /// Where in the forward pass of one position a site stands.
  public enum Scope: String, Sendable {
    /// Once, before the layers.
    case before
    /// Once per layer.
    case layer
    /// Once, after the layers.
    case after
  }

  /// The length of a vector-shaped site, in terms of the configuration.
  public enum Extent: String, Sendable {
    /// Width of the residual stream.
    case dim
    /// n_kv_heads * head_size.
    case kvDim = "kv_dim"
    /// Width of the feed-forward network.
    case hiddenDim = "hidden_dim"
    /// Number of tokens.
    case vocabulary = "vocab_size"
    /// Whole quantization groups in dim.
    case dimGroups = "dim/group_size"
    /// Whole quantization groups in hidden_dim.
    case hiddenGroups = "hidden_dim/group_size"
  }

  /// The shape of a site's tensor at one position.
  public enum Shape: Equatable, Sendable, CustomStringConvertible {
    /// One dimension.
    case vector(Extent)
    /// n_heads rows of pos + 1 columns.
    case headsByPositions

    /// As `--list-sites` prints it.
    public var description: String {
      switch self {
      case .vector(let extent): extent.rawValue
      case .headsByPositions: "n_heads x (pos+1)"
      }
    }
  }

  /// The buffer's name in llama2.c: what stands before the point.
  public var buffer: String { rawValue.split(separator: ".").first.map(String.init) ?? rawValue }

  /// Where the site stands.
  public var scope: Scope {
    switch self {
    case .embedding: .before
    case .finalNorm, .finalNormValues, .finalNormScales, .logits: .after
    default: .layer
    }
  }

  /// The shape of its tensor.
  public var shape: Shape {
    switch self {
    case .keyProjection, .valueProjection, .keyRotation: .vector(.kvDim)
    case .attentionScores, .attentionWeights: .headsByPositions
    case .gateProjection, .upProjection, .swiglu, .swigluValues: .vector(.hiddenDim)
    case .swigluScales: .vector(.hiddenGroups)
    case .attentionNormScales, .attentionScales, .ffnNormScales, .finalNormScales: .vector(.dimGroups)
    case .logits: .vector(.vocabulary)
    default: .vector(.dim)
    }
  }

  /// Whether the site holds quantized int8 values.
  public var holdsQuantizedValues: Bool {
    switch self {
    case .attentionNormValues, .attentionValues, .ffnNormValues, .swigluValues, .finalNormValues: true
    default: false
    }
  }

  /// Whether only int8 runs have the site.
  public var isQuantizedOnly: Bool {
    switch self {
    case .attentionNormScales, .attentionScales, .ffnNormScales, .swigluScales, .finalNormScales: true
    default: holdsQuantizedValues
    }
  }

  /// Whether attention at later positions reads what was recorded here.
  public var isCached: Bool { self == .keyRotation || self == .valueProjection }

  /// Whether the vector is made of heads of head_size elements each.
  public var isSplitIntoHeads: Bool {
    switch self {
    case .queryProjection, .keyProjection, .valueProjection, .queryRotation, .keyRotation, .attention: true
    default: false
    }
  }

  /// The sites of a run, in execution order.
  ///
  /// - Parameter quantized: whether the run quantizes its activations.
  public static func all(quantized: Bool) -> [Site] { allCases.filter { quantized || !$0.isQuantizedOnly } }

  /// Place in the order of execution, from 0: the number of the case. Recording asks for it at every record.
  package var rank: Int { Int(unsafeBitCast(self, to: UInt8.self)) }
}
