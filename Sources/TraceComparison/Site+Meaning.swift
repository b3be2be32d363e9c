package import TraceFormat

extension Site {
  /// What the tensor is, in words.
  package var meaning: String {
    switch self {
    case .embedding: "embedding row of the token"
    case .attentionNorm: "RMSNorm of x, the input of attention"
    case .queryProjection: "queries, before RoPE"
    case .keyProjection: "keys, before RoPE"
    case .valueProjection: "values, as the KV cache holds them"
    case .queryRotation: "queries after RoPE"
    case .keyRotation: "keys after RoPE, as the KV cache holds them"
    case .attentionScores: "scaled attention scores, before softmax"
    case .attentionWeights: "attention weights, after softmax"
    case .attention: "weighted sum of values, heads concatenated"
    case .outputProjection: "output projection of attention (wo)"
    case .attentionResidual: "x after the attention residual"
    case .ffnNorm: "RMSNorm of x, the input of the feed-forward network"
    case .gateProjection: "gate projection (w1)"
    case .upProjection: "up projection (w3)"
    case .swiglu: "SwiGLU: silu(w1 x) * (w3 x)"
    case .downProjection: "down projection (w2)"
    case .ffnResidual: "x after the feed-forward residual"
    case .finalNorm: "final RMSNorm"
    case .logits: "classifier output, before temperature"
    case .attentionNormValues, .attentionValues, .ffnNormValues, .swigluValues, .finalNormValues:
      "int8 values of \(quantizedSource)"
    case .attentionNormScales, .attentionScales, .ffnNormScales, .swigluScales, .finalNormScales:
      "group scales of \(quantizedSource)"
    }
  }

  /// The site that a quantized one was made from.
  private var quantizedSource: String {
    switch self {
    case .attentionNormValues, .attentionNormScales: Site.attentionNorm.rawValue
    case .attentionValues, .attentionScales: Site.attention.rawValue
    case .ffnNormValues, .ffnNormScales: Site.ffnNorm.rawValue
    case .swigluValues, .swigluScales: Site.swiglu.rawValue
    case .finalNormValues, .finalNormScales: Site.finalNorm.rawValue
    default: rawValue
    }
  }
}
