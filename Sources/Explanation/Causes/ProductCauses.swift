import Model
import TraceFormat

extension Catalogue {
  /// Mistakes in matrix products.
  static let product: [Cause] = [
    Cause("product.weight-other-matrix", "another weight matrix", at: [.product]) { context in
      guard let own = context.operation.weight else { return [] }
      let (rows, columns) = context.weights.shape(own)
      return otherMatrices(context, own).map { other in
        let isLayered = other != .tokenEmbedding && other != .classifier
        return productHypothesis("\(other.rawValue) instead of \(own.rawValue)") { context in
          flat(context, other, layer: isLayered ? context.layer ?? 0 : 0, rows: rows, columns: columns)
        }
      }
    },
    Cause("product.weight-other-layer", "another layer's weights", at: [.product]) { context in
      guard let own = context.operation.weight, context.layer != nil else { return [] }
      return otherLayers(context).map { other in
        productHypothesis(other.description) { context in
          other.layer(context).map { context.replay.matrix(own, layer: $0) }
        }
      }
    },
    Cause(
      "product.transposed", "the weights are transposed", formula: "sum over j of w[j][i] * x[j]", at: [.product]
    ) { context in
      guard let own = context.operation.weight else { return [] }
      let (rows, columns) = context.weights.shape(own)
      return [
        productHypothesis { context in
          let (weights, layer) = (context.weights, context.layer ?? 0)
          return WeightSource(rows: rows, columns: columns) { i, buffer in
            weights.fill(own, layer, from: i, stride: rows, &buffer)
          }
        }
      ]
    },
    Cause("product.other-input", "the product of another tensor", at: [.product]) { context in otherInputs(context) },
    Cause("product.tail-dropped", "the last terms of each sum are dropped", at: [.product]) { context in
      droppedTails(context).map { dropped in
        Hypothesis("the last \(dropped) of \(context.replay.activation(context.inputs).count)") { context in
          var x = context.replay.activation(context.inputs)
          guard dropped <= x.count else { return nil }
          for j in (x.count - dropped)..<x.count { x.values[j] = 0 }
          return productEstimate(context, x: x)
        }
      }
    },
    Cause(
      "product.not-cleared", "the output is not cleared: the sum is added onto what the buffer held", at: [.product]
    ) {
      context in
      leftovers(context)
    },
    Cause("product.weight-offset", weightOffsetTitle, at: [.product]) { context in weightOffsets(context) },
    Cause("product.weight-offset", weightOffsetTitle, at: [.product], isLastResort: true) { context in
      foundWeightOffsets(context)
    },
    Cause(
      "product.not-quantized", "the activation is not quantized: the product is taken in float32",
      formula: "sum of dequantized w * x", at: [.product]
    ) { context in unquantized(context) },
    Cause("product.weight-scale-missing", "the weights' scales are missing", formula: "sum * x scale", at: [.product]) {
      context in
      guard context.replay.isQuantized, let own = context.operation.weight else { return [] }
      let (rows, columns) = context.weights.shape(own)
      return [
        productHypothesis { context in
          let (weights, layer) = (context.weights, context.layer ?? 0)
          return WeightSource(rows: rows, columns: columns) { i, buffer in
            weights.fillUnscaled(own, layer, i, &buffer)
          }
        }
      ]
    },
    Cause(
      "product.activation-scale-missing", "the activation's scales are missing", formula: "sum * w scale",
      at: [.product]
    ) {
      context in
      guard context.replay.isQuantized, context.inputs.count == 2 else { return nil }
      var x = context.inputs[0]
      for j in (context.inputs[1].count * context.replay.groupSize)..<x.count { x.values[j] = 0 }
      return productEstimate(context, x: x)
    },
    Cause(
      "product.scale-by-row", "the weights' scales are counted per row instead of over the flat matrix", at: [.product]
    ) {
      context in
      guard context.replay.isQuantized, let own = context.operation.weight else { return [] }
      let (rows, columns) = context.weights.shape(own)
      return [false, true].map { roundsUp in
        productHypothesis(roundsUp ? "a part of a group counting as one" : nil) { context in
          let (weights, layer, size) = (context.weights, context.layer ?? 0, context.replay.groupSize)
          let perRow = roundsUp ? (columns + size - 1) / size : columns / size
          return WeightSource(rows: rows, columns: columns) { i, buffer in
            weights.fillUnscaled(own, layer, i, &buffer)
            for j in 0..<columns {
              buffer[j] =
                j / size < columns / size
                ? buffer[j] * weights.scale(own, layer, i * perRow + j / size) : 0
            }
          }
        }
      }
    },
  ]

  /// The product of the operation's input, or another vector, with its weights, or others.
  static func productEstimate(_ context: CauseContext, _ weights: WeightSource? = nil, x: Estimate? = nil) -> Estimate?
  {
    guard let own = context.operation.weight else { return nil }
    let source = weights ?? context.replay.matrix(own, layer: context.layer ?? 0)
    let input = x ?? context.replay.activation(context.inputs)
    guard source.columns == input.count else { return nil }
    // Whoever misreads int8 weights may also have left out the integer sums: the float bound admits both.
    let roundings = context.replay.isQuantized ? 2 : 0
    let rule = Replay.ProductBound(columns: source.columns, roundings: roundings)
    var buffer = [Double](repeating: 0, count: source.columns)
    // A few rows tell most hypotheses wrong before the whole product is computed.
    let stride = max(1, source.rows / 4)
    for row in Swift.stride(from: 0, to: source.rows, by: stride) {
      source.fill(row, &buffer)
      let (value, bound) = Replay.product(input, buffer, rule)
      let element = Judgement.Element(context.actual.values[row], value, bound, context.actual.type)
      if !element.passes { return nil }
    }
    return Replay.product([input], source, groupSize: nil, roundings: roundings)[0]
  }

  /// How many of the last terms may have been dropped: what one element of the record says.
  private static func droppedTails(_ context: CauseContext) -> [Int] {
    guard let own = context.operation.weight else { return [] }
    let (actual, expected) = (context.actual.values, context.expected)
    let differences = actual.indices.map { abs(actual[$0] - expected.values[$0]) }
    guard differences.allSatisfy(\.isFinite),
      let place = differences.indices.max(by: { differences[$0] < differences[$1] })
    else { return [] }
    let x = context.replay.activation(context.inputs).values
    let source = context.replay.matrix(own, layer: context.layer ?? 0)
    var row = [Double](repeating: 0, count: x.count)
    source.fill(place, &row)
    var (rest, found) = (expected.values[place], [Int]())
    let slack = 2 * expected.error(place) + Rounding.storage(abs(actual[place]), context.actual.type)
    for dropped in 1...x.count {
      rest -= row[x.count - dropped] * x[x.count - dropped]
      if abs(actual[place] - rest) <= slack { found.append(dropped) }
    }
    return Array(found.prefix(16))
  }

  private static func productHypothesis(
    _ detail: String? = nil, _ weights: @escaping @Sendable (CauseContext) -> WeightSource?
  ) -> Hypothesis {
    Hypothesis(detail) { context in weights(context).flatMap { productEstimate(context, $0) } }
  }

  /// Matrices that hold at least as many elements, the likeliest first: of the same shape before others.
  private static func otherMatrices(_ context: CauseContext, _ own: WeightName) -> [WeightName] {
    let (rows, columns) = context.weights.shape(own)
    let all: [WeightName] = [.wq, .wk, .wv, .wo, .w1, .w2, .w3, .tokenEmbedding, .classifier]
    return all.filter { other in
      let shape = context.weights.shape(other)
      return other != own && shape.rows * shape.columns >= rows * columns
        && !(context.sizes.sharesClassifier && [own, other].allSatisfy { $0 == .tokenEmbedding || $0 == .classifier })
    }.sorted { first, second in
      func isLike(_ name: WeightName) -> Bool { context.weights.shape(name) == (rows, columns) }
      return isLike(first) && !isLike(second)
    }
  }

  /// A matrix's elements read with another shape.
  private static func flat(
    _ context: CauseContext, _ name: WeightName, layer: Int, rows: Int, columns: Int
  ) -> WeightSource {
    let shape = context.weights.shape(name)
    if shape.columns == columns {
      let whole = context.replay.matrix(name, layer: layer)
      return WeightSource(rows: rows, columns: columns, fill: whole.fill)
    }
    let weights = context.weights
    return WeightSource(rows: rows, columns: columns) { i, buffer in
      for j in 0..<columns { buffer[j] = weights.element(name, layer, i * columns + j) }
    }
  }

  /// Other tensors that could have gone in, of this position or the one before.
  private static func otherInputs(_ context: CauseContext) -> [Hypothesis] {
    let length = context.replay.activation(context.inputs).count
    let own = context.operation.inputs.map(\.site) + [activationSite(context)].compactMap { $0 }
    return Site.all(quantized: false).flatMap { site in
      [(0, 0), (-1, 0), (0, -1)].compactMap { layers, positions -> Hypothesis? in
        guard site.shape != .headsByPositions, let whole = context.sizes.length(of: site, groupSize: nil),
          whole >= length,
          layers != 0 || positions != 0 || !own.contains(site), site.scope == .layer || layers == 0,
          site != context.site
        else { return nil }
        let place = positions < 0 ? " of the position before" : layers < 0 ? " of the layer before" : ""
        return Hypothesis("\(site.rawValue)\(place) goes in") { context in
          input(context, site, layers: layers, positions: positions, length: length)
            .flatMap { productEstimate(context, x: $0) }
        }
      }
    } + [
      Hypothesis("x as it entered the layer goes in, without its norm") { context in
        guard let x = layerInput(context), x.count >= length else { return nil }
        return productEstimate(context, x: quantizedAsNeeded(context, x.slice(0..<length)))
      }
    ]
  }

  /// The tensor that an int8 product's input was quantized from; of a float product, its input.
  private static func activationSite(_ context: CauseContext) -> Site? {
    guard let own = context.operation.inputs.first?.site else { return nil }
    return own.isQuantizedOnly ? own.operation(quantized: true).inputs.first?.site : own
  }

  /// The product in float32: with the activation as it was before it was quantized, and dequantized weights.
  private static func unquantized(_ context: CauseContext) -> [Hypothesis] {
    guard context.replay.isQuantized, context.inputs.count == 2, let own = context.operation.weight,
      let site = activationSite(context)
    else { return [] }
    return [
      Hypothesis { context in
        let layer = context.layer ?? context.sizes.layerCount - 1
        guard let x = context.recorded(site, layer: layer, position: context.position) else { return nil }
        return productEstimate(context, context.weights.matrix(own, layer: context.layer ?? 0), x: x)
      }
    ]
  }

  private static func input(
    _ context: CauseContext, _ site: Site, layers: Int, positions: Int, length: Int
  ) -> Estimate? {
    let layer = context.layer ?? context.sizes.layerCount - 1
    guard layer + layers >= 0, context.position + positions >= 0,
      let whole = context.recorded(site, layer: layer + layers, position: context.position + positions)
    else { return nil }
    return quantizedAsNeeded(context, whole.slice(0..<length))
  }

  /// A vector as the run's products take it: quantized and dequantized in an int8 run.
  private static func quantizedAsNeeded(_ context: CauseContext, _ x: Estimate) -> Estimate {
    guard context.replay.isQuantized else { return x }
    let size = context.replay.groupSize
    let scales = Replay.quantizationScales(x, groupSize: size)
    return Replay.dequantized(
      Replay.quantizedValues(x, scales: scales, groupSize: size), scales: scales, groupSize: size)
  }
}
