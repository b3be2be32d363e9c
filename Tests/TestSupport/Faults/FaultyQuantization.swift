import Model
import TraceFormat

extension Fault {
  /// Mistakes of int8 runs, in quantizing activations and in the scales of products.
  static let quantizations: [Fault] = quantizers + int8Products

  private static let truncating: @Sendable (Float) -> Float = { $0.rounded(.towardZero) }
  private static let flooring: @Sendable (Float) -> Float = { $0.rounded(.down) }

  private static let quantizers: [Fault] = [
    rounding("quantize-attn-norm-truncated", "quantize.truncated", at: .attentionNormValues, truncating),
    rounding("quantize-swiglu-truncated", "quantize.truncated", at: .swigluValues, truncating),
    rounding("quantize-final-norm-truncated", "quantize.truncated", at: .finalNormValues, truncating),
    rounding("quantize-attn-floor", "quantize.floor", at: .attentionValues, flooring),
    rounding("quantize-ffn-norm-floor", "quantize.floor", at: .ffnNormValues, flooring),
    scaling("quantize-attn-norm-scale-128", "quantize.scale-128", at: .attentionNormValues, .attentionNormScales) {
      $0.map { $0 / 128 }
    },
    scaling("quantize-swiglu-scale-128", "quantize.scale-128", at: .swigluValues, .swigluScales) {
      $0.map { $0 / 128 }
    },
    // As if the values had four bits.
    scaling("quantize-attn-scale-7", "quantize.other-range", at: .attentionValues, .attentionScales) {
      $0.map { $0 / 7 }
    },
    scaling("quantize-ffn-norm-one-scale", "quantize.one-scale", at: .ffnNormValues, .ffnNormScales, oneScale),
    scaling("quantize-attn-one-scale", "quantize.one-scale", at: .attentionValues, .attentionScales, oneScale),
  ]

  private static let oneScale: @Sendable ([Float]) -> [Float] = { largest in
    let scale = (largest.max() ?? 0) / 127
    return largest.map { _ in scale }
  }

  private static func rounding(
    _ id: String, _ cause: String, at site: Site, _ round: @escaping @Sendable (Float) -> Float
  ) -> Fault {
    Fault(id, cause: cause, at: [site], when: { $0.isQuantized }) { _, s, model in
      quantize(site, &s, model.groupSize ?? 1, round: round) { $0.map { $0 / 127 } }
    }
  }

  /// Scales from the groups' greatest magnitudes. Values and scales are wrong together.
  private static func scaling(
    _ id: String, _ cause: String, at valueSite: Site, _ scaleSite: Site,
    _ scales: @escaping @Sendable (_ largest: [Float]) -> [Float]
  ) -> Fault {
    Fault(
      id, cause: cause, at: [valueSite, scaleSite],
      when: { shape in
        guard let size = shape.groupSize else { return false }
        // One group has one scale anyway.
        return (valueSite == .swigluValues ? shape.sizes.hiddenDim : shape.sizes.dim) / size > 1
      }
    ) { step, s, model in
      // Scales were computed with their values.
      guard step.site == valueSite else { return }
      quantize(
        valueSite, &s, model.groupSize ?? 1, round: { $0.rounded(.toNearestOrAwayFromZero) }, scales: scales)
    }
  }

  private static func quantize(
    _ site: Site, _ s: inout ForwardState<Float>, _ groupSize: Int, round: (Float) -> Float,
    scales: (_ largest: [Float]) -> [Float]
  ) {
    let x: [Float] =
      switch site {
      case .swigluValues: values(s.hb.row(0))
      case .finalNormValues: values(s.x.row(0))
      default: values(s.xb.row(0))
      }
    let groups = x.count / groupSize
    let scale = scales(
      (0..<groups).map { group in
        x[(group * groupSize)..<((group + 1) * groupSize)].map(abs).max() ?? 0
      })
    let quantized = x.indices.map { i -> Int8 in
      guard i / groupSize < groups, scale[i / groupSize] > 0 else { return 0 }
      let quotient = x[i] / scale[i / groupSize]
      return quotient.isNaN ? 0 : Int8(max(-128, min(127, round(quotient))))
    }
    if site == .swigluValues {
      write(quantized, to: &s.hq)
      write(scale, to: &s.hs)
    } else {
      write(quantized, to: &s.xq)
      write(scale, to: &s.xs)
    }
  }

  /// A product that takes the activation before it was quantized, with weights turned back to floats.
  private static func floatProduct(_ id: String, at site: Site, _ source: Site) -> Fault {
    Fault(id, cause: "product.not-quantized", at: [site], when: { $0.isQuantized }) { step, s, model in
      let weights = model.matrix(weightName(of: site), layer: step.layer)
      s[site] = product(dequantized(weights), rows: weights.rows, s[source])
    }
  }

  private static let int8Products: [Fault] = [
    floatProduct("product-wo-not-quantized", at: .outputProjection, .attention),
    floatProduct("product-w2-not-quantized", at: .downProjection, .swiglu),
    int8Product("product-wq-weight-scale-missing", "product.weight-scale-missing", at: .queryProjection) {
      sum, _, activation, _ in sum * activation
    },
    int8Product("product-w1-weight-scale-missing", "product.weight-scale-missing", at: .gateProjection) {
      sum, _, activation, _ in sum * activation
    },
    int8Product("product-wo-activation-scale-missing", "product.activation-scale-missing", at: .outputProjection) {
      sum, weight, _, _ in sum * weight
    },
    int8Product("product-w2-activation-scale-missing", "product.activation-scale-missing", at: .downProjection) {
      sum, weight, _, _ in sum * weight
    },
    // Scales counted as if every row had whole groups of its own.
    int8Product(
      "product-w2-scale-by-row", "product.scale-by-row", at: .downProjection,
      when: { $0.sizes.hiddenDim % ($0.groupSize ?? 1) != 0 }
    ) { sum, _, activation, ownScale in sum * ownScale * activation },
    int8Product(
      "product-w3-scale-by-row", "product.scale-by-row", at: .upProjection,
      when: { $0.sizes.dim % ($0.groupSize ?? 1) != 0 }
    ) { sum, _, activation, ownScale in sum * ownScale * activation },
  ]

  /// What a group of one row contributes: its integer sum, the scales of weights and activations, and the scale of the
  /// weights with the number that the group has when rows are counted by whole groups.
  private typealias Term = @Sendable (_ sum: Float, _ weight: Float, _ activation: Float, _ ownScale: Float) -> Float

  private static func int8Product(
    _ id: String, _ cause: String, at site: Site,
    when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true }, _ term: @escaping Term
  ) -> Fault {
    Fault(id, cause: cause, at: [site], when: { $0.isQuantized && condition($0) }) { step, s, model in
      guard case .int8(let elements, let scales) = ProductInput(site, s, quantized: true),
        case .int8(let matrix) = model.matrix(weightName(of: site), layer: step.layer)
      else { preconditionFailure("an int8 run has int8 weights and activations") }
      let (columns, size) = (matrix.columns, matrix.groupSize)
      var output = [Float](repeating: 0, count: matrix.rows)
      for i in 0..<matrix.rows {
        for group in 0..<scales.count {
          let first = i * columns + group * size
          var sum: Int32 = 0
          for k in 0..<size { sum += Int32(elements[group * size + k]) * Int32(matrix.values[first + k]) }
          let ownScale = matrix.scale(i * (columns / size) + group)
          output[i] += term(Float(sum), matrix.scale(ofElement: first), scales[group], ownScale)
        }
      }
      s[site] = output
    }
  }
}
