import Model
import TraceFormat

extension Fault {
  /// Mistakes outside the catalogue: an explanation should find their place and give them no name.
  package static let unlisted: [Fault] = rarer.filter { $0.causeID == nil }

  /// Rarer mistakes, most of which no catalogue holds.
  static let rarer: [Fault] = unlistedPointwise + unlistedAttention + unlistedProducts

  private static func unlisted(
    _ id: String, cause: String? = nil, at site: Site,
    when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true }, _ compute: @escaping Computation
  ) -> Fault { Fault(id, cause: cause, at: [site], when: condition, compute) }

  /// A change of the right result.
  private static func changed(
    _ id: String, at site: Site, when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true },
    _ change: @escaping @Sendable (_ result: [Float], _ step: FaultyStep, _ sizes: Configuration) -> [Float]
  ) -> Fault {
    unlisted(id, at: site, when: condition) { step, s, model in
      step.proceed(&s, model)
      s[site] = change(s[site], step, model.configuration)
    }
  }

  private static let unlistedPointwise: [Fault] = [
    unlisted("silu-fast-exponential", at: .swiglu) { _, s, _ in
      s[.swiglu] = zip(values(s.hb.row(0)), values(s.hb2.row(0))).map { gate, up in
        gate * (1 / (1 + fastExponential(-gate))) * up
      }
    },
    unlisted("silu-rational-sigmoid", at: .swiglu) { _, s, _ in
      s[.swiglu] = zip(values(s.hb.row(0)), values(s.hb2.row(0))).map { gate, up in
        // tanh(x) near x (27 + x^2) / (27 + 9 x^2).
        let half = max(-3, min(3, gate / 2))
        let tangent = half * (27 + half * half) / (27 + 9 * half * half)
        return gate * (0.5 + 0.5 * tangent) * up
      }
    },
    changed("hb-clamped", at: .swiglu) { hb, _, _ in hb.map { max(-1, min(1, $0)) } },
    unlisted("norm-per-half", at: .attentionNorm) { step, s, model in
      let weight = normWeight(of: .attentionNorm, layer: step.layer, model)
      let x = values(s.x.row(0))
      let middle = x.count / 2
      s[.attentionNorm] = [0..<middle, middle..<x.count].flatMap { half in
        let part = Array(x[half])
        return scaled(part, 1 / (meanSquare(part) + 1e-5).squareRoot(), Array(weight[half]))
      }
    },
    // The mean of magnitudes in place of the root of the mean of squares.
    unlisted("norm-of-magnitudes", at: .ffnNorm) { step, s, model in
      let x = values(s.x.row(0))
      let mean = x.map(abs).reduce(0, +) / Float(x.count)
      s[.ffnNorm] = scaled(x, 1 / (mean + 1e-5), normWeight(of: .ffnNorm, layer: step.layer, model))
    },
    unlisted("residual-attn-halved", cause: "residual.scaled", at: .attentionResidual) { _, s, _ in
      s[.attentionResidual] = zip(values(s.x.row(0)), values(s.xb2.row(0))).map { $0 + 0.5 * $1 }
    },
    unlisted("residual-ffn-times-0.77", cause: "residual.scaled", at: .ffnResidual) { _, s, _ in
      s[.ffnResidual] = zip(values(s.x.row(0)), values(s.xb.row(0))).map { $0 + 0.77 * $1 }
    },
    changed("three-elements-zeroed", at: .ffnNorm) { result, step, _ in
      var result = result
      for i in 0..<3 { result[(step.position * 7 + i * 13) % result.count] = 0 }
      return result
    },
    // Training's dropout left on: other elements are zero in every record.
    changed("wo-dropout", at: .outputProjection) { result, step, _ in
      result.indices.map { i in
        let hash = UInt32(truncatingIfNeeded: (step.position * 7919 + step.layer * 613 + i + 1) &* 2_654_435_761)
        return hash >> 28 == 0 ? 0 : result[i] * 16 / 15
      }
    },
    // One factor in all records is no approximation.
    changed("final-norm-a-thousandth-too-large", at: .finalNorm) { result, _, _ in result.map { 1.001 * $0 } },
    changed("w1-affine", at: .gateProjection) { result, _, _ in result.map { 0.9 * $0 + 0.05 } },
    changed("logits-soft-capped", at: .logits) { logits, _, _ in logits.map { hyperbolicTangent($0 / 30) * 30 } },
  ]

  private static let unlistedAttention: [Fault] = [
    unlisted("softmax-fast-exponential", at: .attentionWeights) { step, s, _ in
      s[.attentionWeights] = eachHead(s[.attentionWeights], headSize: step.position + 1) { scores in
        let largest = scores.max() ?? 0
        let exponentials = scores.map { fastExponential($0 - largest) }
        let sum = exponentials.reduce(0, +)
        return exponentials.map { $0 / sum }
      }
    },
    unlisted("softmax-base-two", cause: "softmax.base-two", at: .attentionWeights) { step, s, _ in
      s[.attentionWeights] = eachHead(s[.attentionWeights], headSize: step.position + 1) { scores in
        let largest = scores.max() ?? 0
        let powers = scores.map { powerOfTwo($0 - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
      }
    },
    changed("scores-sliding-window-of-3", at: .attentionScores) { scores, step, _ in
      let length = step.position + 1
      return eachHead(scores, headSize: length) { row in
        row.indices.map { $0 + 3 < length ? -.infinity : row[$0] }
      }
    },
    changed("scores-with-linear-bias", at: .attentionScores) { scores, step, sizes in
      let length = step.position + 1
      return scores.indices.map { i in
        let slope = Float.power(2, -8 * Float(i / length + 1) / Float(sizes.headCount))
        return scores[i] - slope * Float(length - 1 - i % length)
      }
    },
    // A base that grows from head to head.
    rotated("rope-base-per-head", when: { $0.sizes.keyValueHeadCount > 1 && $0.sizes.headSize > 2 }) {
      vector, position, sizes in
      turned(vector) { i in
        let base = 10000 * Float(1 + i / sizes.headSize)
        return Float(position) * frequency(i % sizes.headSize, of: sizes.headSize, base: base)
      }
    },
    rotated("rope-position-interpolation", cause: "rope.position-scaled") { vector, position, sizes in
      turned(vector) { 0.25 * Float(position) * frequency($0 % sizes.headSize, of: sizes.headSize) }
    },
    rotated("rope-half-of-each-head", cause: "rope.partial", when: { $0.sizes.headSize % 4 == 0 }) {
      vector, position, sizes in
      let result = turned(vector) { Float(position) * frequency($0 % sizes.headSize, of: sizes.headSize) }
      return vector.indices.map { $0 % sizes.headSize < sizes.headSize / 2 ? result[$0] : vector[$0] }
    },
  ]

  private static func rotated(
    _ id: String, cause: String? = nil, when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true },
    _ compute: @escaping @Sendable (_ vector: [Float], _ position: Int, _ sizes: Configuration) -> [Float]
  ) -> Fault {
    Fault(id, cause: cause, at: [.queryRotation, .keyRotation], when: condition) { step, s, model in
      s[step.site] = compute(s[step.site], step.position, model.configuration)
    }
  }

  private static let unlistedProducts: [Fault] = [
    unlisted("wo-times-1.02-in-last-layer", at: .outputProjection) { step, s, model in
      step.proceed(&s, model)
      guard step.layer == model.configuration.layerCount - 1 else { return }
      s[.outputProjection] = s[.outputProjection].map { $0 * 1.02 }
    },
    unlisted("w2-one-weight-negated", at: .downProjection) { step, s, model in
      step.proceed(&s, model)
      let weights = model.matrix(.w2, layer: step.layer)
      let (i, j) = (weights.rows / 2, weights.columns / 3)
      // A weight with the other sign contributes as its input with the other sign does.
      let flipped: ProductInput
      switch ProductInput(.downProjection, s, quantized: step.isQuantized) {
      case .float32(var elements):
        elements[j].negate()
        flipped = .float32(elements)
      case .int8(var elements, let scales):
        elements[j] = 0 &- elements[j]
        flipped = .int8(elements, scales: scales)
      }
      var output = s[.downProjection]
      output[i] = product(weights, flipped)[i]
      s[.downProjection] = output
    },
    // The order of a head's rows in checkpoints of another framework.
    changed("wq-rows-permuted-within-heads", at: .queryProjection, when: { $0.sizes.headSize > 2 }) { q, _, sizes in
      let half = sizes.headSize / 2
      return eachHead(q, headSize: sizes.headSize) { head in
        head.indices.map { head[$0 % 2 * half + $0 / 2] }
      }
    },
    unlisted(
      "wo-of-two-heads-exchanged", at: .outputProjection,
      when: { $0.sizes.headCount > 1 && $0.sizes.headSize % ($0.groupSize ?? 1) == 0 }
    ) { step, s, model in
      let size = model.configuration.headSize
      let input: ProductInput =
        switch ProductInput(.outputProjection, s, quantized: step.isQuantized) {
        case .float32(let xb): .float32(exchanged(xb, size))
        case .int8(let xq, let scales):
          .int8(exchanged(xq, size), scales: exchanged(scales, size * scales.count / xq.count))
        }
      s[.outputProjection] = product(model.matrix(.wo, layer: step.layer), input)
    },
    changed("wv-noise", at: .valueProjection) { result, step, _ in
      result.indices.map { i in
        let hash = UInt32(truncatingIfNeeded: (step.position * 8191 + step.layer * 131 + i + 1) &* 2_654_435_761)
        return result[i] * (1 + 1e-3 * (Float(hash >> 8) / 0x800000 - 1))
      }
    },
    changed("w1-two-rows-exchanged", at: .gateProjection) { result, _, _ in
      var result = result
      result.swapAt(result.count / 2, result.count / 2 - 1)
      return result
    },
  ]

  /// The first two parts of a size exchanged.
  private static func exchanged<Element>(_ elements: [Element], _ size: Int) -> [Element] {
    var result = Array(elements[size..<(2 * size)])
    result += elements[..<size]
    result += elements[(2 * size)...]
    return result
  }
}

/// exp by writing x into the exponent of a float, as Schraudolph proposed: right to a few per cent.
private func fastExponential(_ x: Float) -> Float {
  let bits = 12_102_203 * x + 1_064_866_816
  return bits > 0 ? Float(bitPattern: UInt32(bits)) : 0
}
