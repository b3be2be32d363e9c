import Model
import PlatformLibc
import TraceFormat

extension Catalogue {
  /// Mistakes in RMSNorm.
  static let norm: [Cause] = [
    Cause("norm.epsilon", "RMSNorm with another epsilon", at: [.rmsNorm]) { context in
      let common = [0, 1e-6, 1e-8, 1e-12, 1e-5, 1e-4, 1e-3, 1e-2]
      let found = solvedEpsilons(context).filter { !common.contains($0.value) }
      return (common.map { ($0, 0) } + found).filter { $0.0 != context.replay.epsilon }.map { value, digits in
        var hypothesis = normHypothesis(value == 0 ? "no epsilon" : "epsilon \(value)") { $0.epsilon = value }
        hypothesis.rank = digits
        return hypothesis
      }
    },
    Cause(
      "norm.epsilon-outside", "RMSNorm adds epsilon to the root instead of under it",
      formula: "w * x / (sqrt(mean(x^2)) + epsilon)", at: [.rmsNorm]
    ) { _ in [normHypothesis { $0.addsEpsilonToRoot = true }] },
    Cause(
      "norm.mean-subtracted", "the mean is subtracted first, as LayerNorm does",
      formula: "w * (x - mean(x)) / sqrt(var(x) + epsilon)", at: [.rmsNorm]
    ) { _ in [normHypothesis { $0.subtractsMean = true }] },
    Cause(
      "norm.weight-missing", "the norm's weight is missing", formula: "x / sqrt(mean(x^2) + epsilon)", at: [.rmsNorm]
    ) { context in
      norm(context, weight: [Double](repeating: 1, count: context.sizes.dim))
    },
    Cause(
      "norm.weight-plus-one", "the norm's weight is 1 + w, as Gemma has it",
      formula: "(1 + w) * x / sqrt(mean(x^2) + epsilon)", at: [.rmsNorm]
    ) { context in ownWeight(context).map { norm(context, weight: $0.map { $0 + 1 }) } },
    Cause("norm.weight-other-layer", "another layer's norm weight", at: [.rmsNorm]) { context in
      guard let weight = context.operation.weight, context.layer != nil else { return [] }
      return otherLayers(context).map { other in
        Hypothesis(other.description) { context in
          other.layer(context).map { norm(context, weight: context.weights.vector(weight, layer: $0)) }
        }
      }
    },
    Cause("norm.weight-other-norm", "another norm's weight", at: [.rmsNorm]) { context in
      [WeightName.attentionNorm, .ffnNorm, .finalNorm].filter { $0 != context.operation.weight }.flatMap { weight in
        if weight == .finalNorm || context.layer != nil {
          return [
            Hypothesis(weight.rawValue) { context in
              norm(
                context, weight: context.weights.vector(weight, layer: weight == .finalNorm ? 0 : context.layer ?? 0))
            }
          ]
        }
        return (0..<context.sizes.layerCount).map { layer in
          Hypothesis("\(weight.rawValue) of layer \(layer)") { context in
            norm(context, weight: context.weights.vector(weight, layer: layer))
          }
        }
      }
    },
    Cause(
      "norm.no-root", "the root is missing", formula: "w * x / (mean(x^2) + epsilon)", at: [.rmsNorm]
    ) { _ in [normHypothesis { $0.omitsRoot = true }] },
    Cause(
      "norm.sum-for-mean", "the sum of squares is not divided by n", formula: "w * x / sqrt(sum(x^2) + epsilon)",
      at: [.rmsNorm]
    ) { _ in [normHypothesis { $0.usesSum = true }] },
    Cause(
      "norm.n-minus-one", "the sum of squares is divided by another number than n",
      formula: "w * x / sqrt(sum(x^2) / m + epsilon)", at: [.rmsNorm]
    ) { _ in
      [
        normHypothesis("m = n - 1, as for an unbiased variance") { $0.countOffset = -1 },
        normHypothesis("m = n + 1") { $0.countOffset = 1 },
      ]
    },
    Cause("norm.missing", "the norm is missing: its input comes out unchanged", formula: "x", at: [.rmsNorm]) {
      context in
      context.inputs[0]
    },
    Cause(
      "norm.weight-only", "the input is multiplied by the weight but not normalised", formula: "w * x", at: [.rmsNorm]
    ) {
      context in
      ownWeight(context).map { scaled(context.inputs[0], by: $0) }
    },
    Cause("norm.other-input", "the norm of another tensor", at: [.rmsNorm]) { context in
      let own = context.inputs[0].values
      return Site.all(quantized: false).filter { context.sizes.length(of: $0, groupSize: nil) == context.sizes.dim }
        .flatMap { site in [0, -1].map { (site, $0) } }.compactMap { site, shift in
          guard site.scope == .layer || shift == 0, let other = tensor(context, site, layersUp: shift),
            other.values != own
          else { return nil }
          let name = shift == 0 ? site.rawValue : "\(site.rawValue) of the layer before"
          return Hypothesis("of \(name)") { context in
            guard let input = tensor(context, site, layersUp: shift), let weight = ownWeight(context) else {
              return nil
            }
            return Replay.rmsNorm(input, weight: weight, context.replay.norm)
          }
        }
        + (context.site == .ffnNorm ? [layerInputHypothesis] : [])
    },
  ]

  private static let layerInputHypothesis = Hypothesis("of x as it entered the layer, before attention") { context in
    guard let input = layerInput(context), let weight = ownWeight(context) else { return nil }
    return Replay.rmsNorm(input, weight: weight, context.replay.norm)
  }

  private static func normHypothesis(
    _ detail: String? = nil, _ change: @escaping @Sendable (inout Replay.NormRecipe) -> Void
  ) -> Hypothesis {
    Hypothesis(detail) { context in
      var recipe = context.replay.norm
      change(&recipe)
      return ownWeight(context).map { Replay.rmsNorm(context.inputs[0], weight: $0, recipe) }
    }
  }

  private static func norm(_ context: CauseContext, weight: [Double]) -> Estimate {
    Replay.rmsNorm(context.inputs[0], weight: weight, context.replay.norm)
  }

  private static func ownWeight(_ context: CauseContext) -> [Double]? {
    context.operation.weight.map { context.weights.vector($0, layer: context.layer ?? 0) }
  }

  /// Numbers of up to four digits that the record's ratio to its input admits as epsilon, those of fewer digits first.
  /// The rounding of a record with a large mean square leaves several; other records decide among them.
  private static func solvedEpsilons(_ context: CauseContext) -> [(value: Double, digits: Int)] {
    guard let weight = ownWeight(context) else { return [] }
    let x = context.inputs[0].values
    // The largest output has the smallest relative rounding.
    let products = x.indices.map { weight[$0] * x[$0] }
    guard let place = products.indices.max(by: { abs(products[$0]) < abs(products[$1]) }), products[place] != 0,
      context.expected.values[place] != 0
    else { return [] }
    let scale = context.actual.values[place] / products[place]
    let meanSquare = x.reduce(0) { $0 + $1 * $1 } / Double(x.count)
    let epsilon = 1 / (scale * scale) - meanSquare
    let relative = abs(context.expected.error(place) / context.expected.values[place])
    let slack = 2.2 * relative * (meanSquare + abs(epsilon))
    guard epsilon.isFinite, slack.isFinite, epsilon + slack > 0 else { return [] }
    var found: [(value: Double, digits: Int)] = []
    let exponent = log10(max(epsilon, slack)).rounded(.down)
    for digits in 1...4 {
      let step = pow(10, exponent - Double(digits) + 1)
      let first = max(((epsilon - slack) / step).rounded(.up), 1)
      let last = ((epsilon + slack) / step).rounded(.down)
      guard first <= last, last - first < 60 else { continue }
      for multiple in stride(from: first, through: last, by: 1) {
        let value = roundedToDigits(multiple * step, digits)
        if !found.contains(where: { $0.value == value }) { found.append((value, digits)) }
      }
    }
    return found
  }
}
