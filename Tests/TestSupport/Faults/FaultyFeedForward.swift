import Model
import TraceFormat

extension Fault {
  /// The gated activation as a formula of gate and up projection.
  private static func gated(
    _ id: String, _ cause: String, _ compute: @escaping @Sendable (_ gate: Float, _ up: Float) -> Float
  ) -> Fault {
    Fault(id, cause: cause, at: [.swiglu]) { _, s, _ in
      s[.swiglu] = zip(values(s.hb.row(0)), values(s.hb2.row(0))).map(compute)
    }
  }

  /// Mistakes in SwiGLU.
  static let feedForwards: [Fault] = [
    gated("swiglu-sigmoid", "swiglu.sigmoid") { gate, up in sigmoid(gate) * up },
    gated("swiglu-gelu-erf", "swiglu.gelu-erf") { gate, up in
      0.5 * gate * (1 + errorFunction(gate / Float(2).squareRoot())) * up
    },
    gated("swiglu-gelu-tanh", "swiglu.gelu-tanh") { gate, up in
      let inner = 0.79788456 * (gate + 0.044715 * gate * gate * gate)
      return 0.5 * gate * (1 + hyperbolicTangent(inner)) * up
    },
    gated("swiglu-relu", "swiglu.relu") { gate, up in max(gate, 0) * up },
    gated("swiglu-exponent-sign", "swiglu.exponent-sign") { gate, up in
      gate * (1 / (1 + Float.exponential(gate))) * up
    },
    gated("swiglu-swapped", "swiglu.swapped") { gate, up in up * sigmoid(up) * gate },
    gated("swiglu-up-missing", "swiglu.up-missing") { gate, _ in gate * sigmoid(gate) },
    gated("swiglu-activation-missing", "swiglu.activation-missing") { gate, up in gate * up },
    gated("swiglu-gelu-sigmoid", "swiglu.gelu-sigmoid") { gate, up in gate * sigmoid(1.702 * gate) * up },
    gated("swiglu-tanh", "swiglu.tanh") { gate, up in hyperbolicTangent(gate) * up },
    gated("swiglu-squared-relu", "swiglu.squared-relu") { gate, up in
      let positive = gate > 0 ? gate : 0
      return positive * positive * up
    },
    // A loop in place that ends one early leaves the gate projection there.
    Fault("swiglu-last-element-untouched", cause: "swiglu.stale", at: [.swiglu]) { step, s, model in
      let gate = values(s.hb.row(0))
      step.proceed(&s, model)
      s[.swiglu] = s[.swiglu].dropLast() + gate.suffix(1)
    },
    // The same with a buffer of its own for the result.
    Fault("swiglu-last-element-kept", cause: "swiglu.stale", at: [.swiglu], remembering: [.swiglu]) {
      step, s, model in
      step.proceed(&s, model)
      guard let previous = step.recall(.swiglu, position: step.position - 1) else { return }
      s[.swiglu] = s[.swiglu].dropLast() + previous.suffix(1)
    },
  ]
}

/// 1 / (1 + exp(-x)).
func sigmoid(_ x: Float) -> Float { 1 / (1 + Float.exponential(-x)) }
