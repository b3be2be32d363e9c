import PlatformLibc
import Model
import TraceFormat

extension Catalogue {
  /// Mistakes in SwiGLU.
  static let swiglu: [Cause] = [
    Cause("swiglu.sigmoid", "sigmoid instead of SiLU", formula: "sigmoid(g) * up", at: [.swiglu]) { context in
      activated(context) { 1 / (1 + exp(-$0)) }
    },
    Cause("swiglu.gelu-tanh", "GELU (tanh approximation) instead of SiLU", formula: "gelu(g) * up", at: [.swiglu]) {
      context in
      activated(context, absolute: 8) { g in
        0.5 * g * (1 + tanh((2 / Double.pi).squareRoot() * (g + 0.044715 * g * g * g)))
      }
    },
    Cause("swiglu.gelu-erf", "GELU (exact) instead of SiLU", formula: "gelu(g) * up", at: [.swiglu]) { context in
      activated(context, absolute: 8) { g in 0.5 * g * (1 + erf(g / 2.0.squareRoot())) }
    },
    Cause(
      "swiglu.gelu-sigmoid", "GELU (sigmoid approximation) instead of SiLU", formula: "g * sigmoid(1.702 g) * up",
      at: [.swiglu]
    ) {
      context in
      activated(context) { g in g / (1 + exp(-1.702 * g)) }
    },
    Cause("swiglu.relu", "ReLU instead of SiLU", formula: "max(g, 0) * up", at: [.swiglu]) { context in
      activated(context) { max($0, 0) }
    },
    Cause("swiglu.exponent-sign", "the sign of the exponent is wrong", formula: "g / (1 + exp(g)) * up", at: [.swiglu])
    {
      context in
      activated(context) { $0 / (1 + exp($0)) }
    },
    Cause("swiglu.swapped", "gate and up are swapped", formula: "silu(up) * gate", at: [.swiglu]) { context in
      Replay.swiglu(context.inputs[1], context.inputs[0])
    },
    Cause("swiglu.up-missing", "the product with up is missing", formula: "silu(g)", at: [.swiglu]) { context in
      Replay.swiglu(context.inputs[0], Estimate([Double](repeating: 1, count: context.inputs[0].count)))
    },
    Cause("swiglu.activation-missing", "the activation is missing", formula: "g * up", at: [.swiglu]) { context in
      activated(context) { $0 }
    },
    Cause("swiglu.tanh", "tanh instead of SiLU", formula: "tanh(g) * up", at: [.swiglu]) { context in
      activated(context) { tanh($0) }
    },
    Cause("swiglu.squared-relu", "squared ReLU instead of SiLU", formula: "max(g, 0)^2 * up", at: [.swiglu]) {
      context in
      activated(context) { max($0, 0) * max($0, 0) }
    },
  ]

  /// Mistakes in a residual connection.
  static let residual: [Cause] = [
    Cause("residual.missing", "the residual is missing: x stays as it was", formula: "x", at: [.residual]) { context in
      context.inputs[0]
    },
    Cause("residual.branch-only", "x is replaced by the branch instead of added to", formula: "branch", at: [.residual])
    {
      context in
      context.inputs[1]
    },
    Cause("residual.doubled", "the branch is added twice", formula: "x + 2 branch", at: [.residual]) { context in
      Replay.residual(Replay.residual(context.inputs[0], context.inputs[1]), context.inputs[1])
    },
    Cause("residual.x-doubled", "x is added twice", formula: "2 x + branch", at: [.residual]) { context in
      Replay.residual(Replay.residual(context.inputs[1], context.inputs[0]), context.inputs[0])
    },
    Cause("residual.other-buffer", "another buffer is added", at: [.residual]) { context in
      branchSites(context).map { site in
        Hypothesis("x + \(site.rawValue) instead of x + \(context.operation.inputs[1].site.rawValue)") { context in
          branch(context, site).map { Replay.residual(context.inputs[0], $0) }
        }
      }
    },
    Cause("residual.normalized-base", "the branch is added to another buffer than x", at: [.residual]) { context in
      branchSites(context).map { site in
        Hypothesis("\(site.rawValue) + branch") { context in
          branch(context, site).map { Replay.residual($0, context.inputs[1]) }
        }
      } + [
        Hypothesis("x as it entered the layer, before attention, + branch") { context in
          guard context.site == .ffnResidual else { return nil }
          return layerInput(context).map { Replay.residual($0, context.inputs[1]) }
        }
      ]
    },
    Cause("residual.subtracted", "the branch is subtracted", formula: "x - branch", at: [.residual]) { context in
      Replay.residual(context.inputs[0], scaled(context.inputs[1], by: -1))
    },
    Cause("residual.scaled", "the branch is scaled", formula: "x + c branch", at: [.residual]) { context in
      let layers = Double(context.sizes.layerCount)
      let common = [0.5, 1 / 2.0.squareRoot(), 1 / (2 * layers).squareRoot(), 1 / layers, 2.0.squareRoot()]
      return (common + (solvedScale(context).map { [$0] } ?? [])).map { factor in
        Hypothesis("by \(roundedToDigits(factor, 3))") { context in
          Replay.residual(context.inputs[0], scaled(context.inputs[1], by: factor))
        }
      }
    },
  ]

  /// The factor of the branch that the record gives, to three digits; nil where it is one of the other causes'.
  private static func solvedScale(_ context: CauseContext) -> Double? {
    let (x, branch) = (context.inputs[0].values, context.inputs[1].values)
    var (products, squares) = (0.0, 0.0)
    for i in x.indices {
      products += (context.actual.values[i] - x[i]) * branch[i]
      squares += branch[i] * branch[i]
    }
    let factor = roundedToDigits(products / squares, 3)
    return factor.isFinite && ![0, 1, 2, -1].contains(factor) ? factor : nil
  }

  /// Sites whose first dim elements could have been added in place of the branch.
  private static func branchSites(_ context: CauseContext) -> [Site] {
    Site.all(quantized: false).filter { site in
      guard site.scope == .layer || site == .embedding, let length = context.sizes.length(of: site, groupSize: nil)
      else { return false }
      let own = context.operation.inputs.map(\.site)
      return length >= context.sizes.dim && !own.contains(site) && site != context.site
    }
  }

  /// The first dim elements of what a site last held: of this layer where it is computed before the residual, else of
  /// the layer before.
  private static func branch(_ context: CauseContext, _ site: Site) -> Estimate? {
    let shift = RecordKey(site, layer: 0, position: 0) < RecordKey(context.site, layer: 0, position: 0) ? 0 : -1
    guard let whole = tensor(context, site, layersUp: shift) else { return nil }
    return whole.slice(0..<context.sizes.dim)
  }

  /// f(gate) * up.
  ///
  /// - Parameter absolute: roundings in units of the gate's magnitude, for a function that loses digits by
  ///   cancellation.
  private static func activated(
    _ context: CauseContext, absolute: Double = 0, _ function: (Double) -> Double
  ) -> Estimate {
    let (gate, up) = (context.inputs[0], context.inputs[1])
    var result = Estimate(zeros: gate.count)
    for i in 0..<gate.count {
      let (g, b) = (gate.values[i], up.values[i])
      let value = function(g)
      let step = max(gate.error(i), abs(g) * 0x1p-30)
      let slope = step > 0 ? abs(function(g + step) - function(g - step)) / (2 * step) : 0
      let own = (24 + 4 * abs(g)) * Rounding.u * abs(value) + absolute * Rounding.u * abs(g)
      let error = own + slope * (gate.error(i) + Rounding.u * abs(g))
      result.values[i] = value * b
      result.errors[i] = error * (abs(b) + up.error(i)) + abs(value) * up.error(i) + 4 * Rounding.eta
    }
    return result
  }
}
