import Model
import TraceFormat

extension Fault {
  /// Mistakes in RMSNorm.
  static let norms: [Fault] =
    normFormulas + normWeights
    + [
      Fault("attn-norm-missing", cause: "norm.missing", at: [.attentionNorm]) { _, s, _ in
        s[.attentionNorm] = values(s.x.row(0))
      },
      Fault("ffn-norm-missing", cause: "norm.missing", at: [.ffnNorm]) { _, s, _ in
        s[.ffnNorm] = values(s.x.row(0))
      },
      // The branch itself, before it is added.
      Fault("ffn-norm-of-branch", cause: "norm.other-input", at: [.ffnNorm]) { step, s, model in
        let x = values(s.xb2.row(0))
        let weight = normWeight(of: .ffnNorm, layer: step.layer, model)
        s[.ffnNorm] = scaled(x, 1 / (meanSquare(x) + 1e-5).squareRoot(), weight)
      },
      Fault("final-norm-missing", cause: "norm.missing", at: [.finalNorm]) { _, _, _ in },
    ]

  private static let everywhere: [Site] = [.attentionNorm, .ffnNorm, .finalNorm]

  /// The norm as one formula of x and its weight.
  private typealias Formula = @Sendable (_ x: [Float], _ weight: [Float]) -> [Float]

  private static func formula(
    _ id: String, _ cause: String, at sites: [Site] = everywhere, _ compute: @escaping Formula
  ) -> [Fault] {
    sites.map { site in
      Fault("\(prefix(site))-\(id)", cause: cause, at: [site]) { step, s, model in
        s[site] = compute(values(s.x.row(0)), normWeight(of: site, layer: step.layer, model))
      }
    }
  }

  private static let normFormulas: [Fault] =
    formula("epsilon-1e-6", "norm.epsilon") { scaled($0, 1 / (meanSquare($0) + 1e-6).squareRoot(), $1) }
    + formula("epsilon-1e-3", "norm.epsilon") { scaled($0, 1 / (meanSquare($0) + 1e-3).squareRoot(), $1) }
    + formula("epsilon-zero", "norm.epsilon", at: [.attentionNorm, .finalNorm]) {
      scaled($0, 1 / meanSquare($0).squareRoot(), $1)
    }
    + formula("epsilon-outside-root", "norm.epsilon-outside", at: [.attentionNorm, .ffnNorm]) {
      scaled($0, 1 / (meanSquare($0).squareRoot() + 1e-5), $1)
    }
    // LayerNorm where RMSNorm is meant.
    + formula("mean-subtracted", "norm.mean-subtracted") { x, weight in
      let mean = x.reduce(0, +) / Float(x.count)
      let centred = x.map { $0 - mean }
      return scaled(centred, 1 / (meanSquare(centred) + 1e-5).squareRoot(), weight)
    }
    + formula("weight-missing", "norm.weight-missing") { x, _ in
      let scale = 1 / (meanSquare(x) + 1e-5).squareRoot()
      return x.map { scale * $0 }
    }
    // As models of another family store their weights.
    + formula("weight-plus-one", "norm.weight-plus-one", at: [.attentionNorm, .finalNorm]) { x, weight in
      scaled(x, 1 / (meanSquare(x) + 1e-5).squareRoot(), weight.map { 1 + $0 })
    }
    + formula("no-root", "norm.no-root", at: [.attentionNorm, .ffnNorm]) {
      scaled($0, 1 / (meanSquare($0) + 1e-5), $1)
    }
    // The variance of a sample.
    + formula("n-minus-one", "norm.n-minus-one") { x, weight in
      let squares = dot(x[...], x[...])
      return scaled(x, 1 / (squares / Float(x.count - 1) + 1e-5).squareRoot(), weight)
    }
    + formula("weight-only", "norm.weight-only", at: [.attentionNorm, .finalNorm]) { x, weight in
      zip(x, weight).map { $0 * $1 }
    }
    + formula("sum-for-mean", "norm.sum-for-mean") { x, weight in
      scaled(x, 1 / (dot(x[...], x[...]) + 1e-5).squareRoot(), weight)
    }

  private static let normWeights: [Fault] =
    [.attentionNorm, .ffnNorm].flatMap { (site: Site) -> [Fault] in
      [
        Fault(
          "\(prefix(site))-weight-next-layer", cause: "norm.weight-other-layer", at: [site],
          when: { $0.hasSeveralLayers }
        ) { step, s, model in step.proceed(layer: (step.layer + 1) % model.configuration.layerCount, &s, model) },
        Fault(
          "\(prefix(site))-weight-first-layer", cause: "norm.weight-other-layer", at: [site],
          when: { $0.hasSeveralLayers }
        ) { step, s, model in step.proceed(layer: 0, &s, model) },
      ]
    }
    + [
      otherNorm("attn-norm-weight-of-ffn-norm", at: .attentionNorm, .ffnNorm),
      otherNorm("ffn-norm-weight-of-attn-norm", at: .ffnNorm, .attentionNorm),
      Fault("final-norm-weight-of-ffn-norm", cause: "norm.weight-other-norm", at: [.finalNorm]) { _, s, model in
        let weight = values(model.vector(.ffnNorm, layer: model.configuration.layerCount - 1))
        let x = values(s.x.row(0))
        s[.finalNorm] = scaled(x, 1 / (meanSquare(x) + 1e-5).squareRoot(), weight)
      },
    ]

  private static func otherNorm(_ id: String, at site: Site, _ name: WeightName) -> Fault {
    Fault(id, cause: "norm.weight-other-norm", at: [site]) { step, s, model in
      let x = values(s.x.row(0))
      let weight = values(model.vector(name, layer: step.layer))
      s[site] = scaled(x, 1 / (meanSquare(x) + 1e-5).squareRoot(), weight)
    }
  }

  private static func prefix(_ site: Site) -> String {
    switch site {
    case .attentionNorm: "attn-norm"
    case .ffnNorm: "ffn-norm"
    default: "final-norm"
    }
  }
}

/// The weights that belong to a norm.
func normWeight(of site: Site, layer: Int, _ model: borrowing Checkpoint) -> [Float] {
  switch site {
  case .attentionNorm: values(model.vector(.attentionNorm, layer: layer))
  case .ffnNorm: values(model.vector(.ffnNorm, layer: layer))
  default: values(model.vector(.finalNorm))
  }
}

/// The mean of squares.
func meanSquare(_ x: [Float]) -> Float { dot(x[...], x[...]) / Float(x.count) }

/// Each element scaled first and weighted second.
func scaled(_ x: [Float], _ scale: Float, _ weight: [Float]) -> [Float] { zip(x, weight).map { $1 * (scale * $0) } }
