import Model
import TraceFormat

extension Fault {
  /// Mistakes in matrix products.
  static let products: [Fault] = wrongWeights + shiftedWeights + shortProducts + staleProducts + otherInputs

  private static let wrongWeights: [Fault] = [
    transposed("product-wq-transposed", at: .queryProjection),
    transposed("product-wo-transposed", at: .outputProjection),

    otherLayer("product-wq-next-layer", at: .queryProjection) { ($0 + 1) % $1 },
    otherLayer("product-wo-layer-before", at: .outputProjection) { layer, _ in max(layer - 1, 0) },
    otherLayer("product-w1-next-layer", at: .gateProjection) { ($0 + 1) % $1 },
    otherLayer("product-w2-first-layer", at: .downProjection) { _, _ in 0 },
    otherLayer("product-wv-last-layer", at: .valueProjection) { $1 - 1 },

    otherMatrix("product-wv-for-wk", at: .keyProjection, .wv),
    otherMatrix("product-wk-for-wv", at: .valueProjection, .wk),
    otherMatrix("product-w1-for-w3", at: .upProjection, .w1),
    otherMatrix("product-w3-for-w1", at: .gateProjection, .w3),
    otherMatrix("product-wq-for-wo", at: .outputProjection, .wq),
    otherMatrix("product-wo-for-wq", at: .queryProjection, .wo),
    // A port that knows shared classifiers only.
    otherMatrix("product-embedding-for-classifier", at: .logits, .tokenEmbedding) { !$0.sizes.sharesClassifier },
  ]

  private static func transposed(_ id: String, at site: Site) -> Fault {
    // x W for W x, as with frameworks that store the weights of a layer the other way round.
    Fault(id, cause: "product.transposed", at: [site]) { step, s, model in
      let weights = dequantized(model.matrix(weightName(of: site), layer: step.layer))
      let input = ProductInput(site, s, quantized: step.isQuantized).dequantized
      let n = input.count
      var output = [Float](repeating: 0, count: n)
      for j in 0..<n {
        for i in 0..<n { output[i] += input[j] * weights[j * n + i] }
      }
      s[site] = output
    }
  }

  private static func otherLayer(
    _ id: String, at site: Site, _ choose: @escaping @Sendable (_ layer: Int, _ count: Int) -> Int
  ) -> Fault {
    Fault(id, cause: "product.weight-other-layer", at: [site], when: { $0.hasSeveralLayers }) { step, s, model in
      step.proceed(layer: choose(step.layer, model.configuration.layerCount), &s, model)
    }
  }

  private static func otherMatrix(
    _ id: String, at site: Site, _ name: WeightName,
    when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true }
  ) -> Fault {
    Fault(id, cause: "product.weight-other-matrix", at: [site], when: condition) { step, s, model in
      let input = ProductInput(site, s, quantized: step.isQuantized)
      s[site] = product(model.matrix(name, layer: step.layer), input)
    }
  }

  private static let shiftedWeights: [Fault] = [
    shifted("product-wo-one-float-late", at: .outputProjection) { _, _ in 1 },
    shifted("product-w1-one-float-late", at: .gateProjection) { _, _ in 1 },
    shifted("product-w2-one-row-late", at: .downProjection) { sizes, _ in sizes.hiddenDim },
    // The header of the old layout, seven 32-bit numbers, is taken for weights.
    shifted("product-wq-header-not-skipped", at: .queryProjection) { _, _ in -7 },
    shifted("product-w1-header-not-skipped", at: .gateProjection) { _, _ in -7 },
    // Layers counted as if keys and values were as wide as queries.
    shifted("product-wk-layer-stride-of-wq", at: .keyProjection, when: isNarrow, stride),
    shifted("product-wv-layer-stride-of-wq", at: .valueProjection, when: isNarrow, stride),
  ]

  private static let isNarrow: @Sendable (RunShape) -> Bool = {
    $0.hasSeveralLayers && $0.sizes.keyValueDim < $0.sizes.dim
  }

  private static let stride: @Sendable (Configuration, Int) -> Int = { sizes, layer in
    layer * (sizes.dim - sizes.keyValueDim) * sizes.dim
  }

  private static func shifted(
    _ id: String, at site: Site, when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true },
    _ offset: @escaping @Sendable (_ sizes: Configuration, _ layer: Int) -> Int
  ) -> Fault {
    Fault(id, cause: "product.weight-offset", at: [site], when: { !$0.isQuantized && condition($0) }) {
      step, s, model in
      let name = weightName(of: site)
      let rows = model.matrix(name, layer: step.layer).rows
      let input = ProductInput(site, s, quantized: false).dequantized
      let weights = FileOrder(model).floats(
        rows * input.count, from: name, layer: step.layer, offset: offset(model.configuration, step.layer), model)
      s[site] = product(weights, rows: rows, input)
    }
  }

  private static let shortProducts: [Fault] = [
    short("product-wq-last-column-dropped", at: .queryProjection, when: hasWholeGroups) { $0 - 1 },
    short("product-wo-last-column-dropped", at: .outputProjection, when: hasWholeGroups) { $0 - 1 },
    short("product-logits-last-column-dropped", at: .logits, when: hasWholeGroups) { $0 - 1 },
    short("product-w1-last-16-columns-dropped", at: .gateProjection, when: hasWholeGroups) { max($0 - 16, 0) },
    // So many columns at a time, without a loop for the rest.
    short("product-w2-tail-of-4-dropped", at: .downProjection, when: hasTail(of: 4)) { $0 / 4 * 4 },
    short("product-w2-tail-of-8-dropped", at: .downProjection, when: hasTail(of: 8)) { $0 / 8 * 8 },
    short("product-w2-tail-of-16-dropped", at: .downProjection, when: hasTail(of: 16)) { $0 / 16 * 16 },
    short("product-w2-last-70-columns-dropped", at: .downProjection, when: { $0.sizes.hiddenDim > 80 }) { $0 - 70 },
    lastGroup("product-wq-last-group-dropped", at: .queryProjection),
    lastGroup("product-w2-last-group-dropped", at: .downProjection),
  ]

  /// Columns behind the last whole group do not count in int8, so nothing is lost with them.
  private static let hasWholeGroups: @Sendable (RunShape) -> Bool = {
    $0.sizes.dim % ($0.groupSize ?? 1) == 0
  }

  private static func hasTail(of width: Int) -> @Sendable (RunShape) -> Bool {
    { !$0.isQuantized && $0.sizes.hiddenDim % width != 0 }
  }

  private static func short(
    _ id: String, at site: Site, when condition: @escaping @Sendable (RunShape) -> Bool,
    _ end: @escaping @Sendable (_ columns: Int) -> Int
  ) -> Fault {
    Fault(id, cause: "product.tail-dropped", at: [site], when: condition) { step, s, model in
      let weights = model.matrix(weightName(of: site), layer: step.layer)
      let input = ProductInput(site, s, quantized: step.isQuantized)
      s[site] = product(weights, input, columns: end(weights.columns))
    }
  }

  /// `j < n - GS` for `j <= n - GS`.
  private static func lastGroup(_ id: String, at site: Site) -> Fault {
    Fault(id, cause: "product.tail-dropped", at: [site], when: { $0.isQuantized }) { step, s, model in
      let weights = model.matrix(weightName(of: site), layer: step.layer)
      let groupSize = model.groupSize ?? 1
      let whole = weights.columns / groupSize
      let input = ProductInput(site, s, quantized: step.isQuantized)
      s[site] = product(weights, input, columns: max(whole - 1, 0) * groupSize)
    }
  }

  private static let otherInputs: [Fault] = [
    otherInput("product-wo-of-attn-norm", at: .outputProjection, .attentionNorm),
    otherInput("product-w3-of-x", at: .upProjection, .attentionResidual),
    otherInput("product-wv-of-attention-before", at: .valueProjection, .attention, fromLayerBefore: true),
    // x as it was before the final norm.
    Fault("product-logits-of-x", cause: "product.other-input", at: [.logits], remembering: [.ffnResidual]) {
      step, s, model in
      let layer = model.configuration.layerCount - 1
      let x = step.recall(.ffnResidual, layer: layer, position: step.position) ?? values(s.x.row(0))
      s[.logits] = product(model.matrix(.classifier), ProductInput(x, groupSize: model.groupSize))
    },
  ]

  private static func otherInput(
    _ id: String, at site: Site, _ source: Site, fromLayerBefore: Bool = false
  ) -> Fault {
    Fault(
      id, cause: "product.other-input", at: [site], remembering: [source],
      when: { !fromLayerBefore || $0.hasSeveralLayers }
    ) { step, s, model in
      let layer = fromLayerBefore ? step.layer - 1 : step.layer
      guard let input = step.recall(source, layer: layer, position: step.position) else {
        step.proceed(&s, model)
        return
      }
      let weights = model.matrix(weightName(of: site), layer: step.layer)
      s[site] = product(weights, ProductInput(input, groupSize: step.isQuantized ? model.groupSize : nil))
    }
  }
}
