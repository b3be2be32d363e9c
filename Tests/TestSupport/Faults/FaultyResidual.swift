import Model
import TraceFormat

extension Fault {
  private static let attention = Site.attentionResidual
  private static let feedForward = Site.ffnResidual

  /// A residual connection as a formula of x and the buffers.
  private static func residual(
    _ id: String, _ cause: String, at site: Site,
    when condition: @escaping @Sendable (RunShape) -> Bool = { _ in true },
    _ branch: @escaping @Sendable (borrowing ForwardState<Float>) -> [Float]
  ) -> Fault {
    Fault(id, cause: cause, at: [site], when: condition) { _, s, _ in s[site] = sum(s[site], branch(s)) }
  }

  /// Mistakes in the residual connections.
  static let residuals: [Fault] = [
    // x as it was before the branch.
    Fault("residual-attn-missing", cause: "residual.missing", at: [attention]) { _, _, _ in },
    Fault("residual-ffn-missing", cause: "residual.missing", at: [feedForward]) { _, _, _ in },
    // The branch alone.
    Fault("residual-attn-replaces-x", cause: "residual.branch-only", at: [attention]) { _, s, _ in
      s[attention] = values(s.xb2.row(0))
    },
    Fault("residual-ffn-replaces-x", cause: "residual.branch-only", at: [feedForward]) { _, s, _ in
      s[feedForward] = values(s.xb.row(0))
    },
    Fault("residual-attn-doubled", cause: "residual.doubled", at: [attention]) { _, s, _ in
      s[attention] = sum(sum(s[attention], values(s.xb2.row(0))), values(s.xb2.row(0)))
    },
    Fault("residual-ffn-doubled", cause: "residual.doubled", at: [feedForward]) { _, s, _ in
      s[feedForward] = sum(sum(s[feedForward], values(s.xb.row(0))), values(s.xb.row(0)))
    },
    Fault("residual-attn-subtracted", cause: "residual.subtracted", at: [attention]) { _, s, _ in
      s[attention] = zip(s[attention], values(s.xb2.row(0))).map { $0 - $1 }
    },
    Fault("residual-ffn-x-doubled", cause: "residual.x-doubled", at: [feedForward]) { _, s, _ in
      s[feedForward] = sum(sum(s[feedForward], values(s.xb.row(0))), s[feedForward])
    },
    Fault(
      "residual-ffn-onto-embedding", cause: "residual.normalized-base", at: [feedForward], remembering: [.embedding]
    ) { step, s, _ in
      let base = step.recall(.embedding, layer: 0, position: step.position) ?? s[feedForward]
      s[feedForward] = sum(base, values(s.xb.row(0)))
    },
    residual("residual-attn-of-xb", "residual.other-buffer", at: attention) { values($0.xb.row(0)) },
    residual("residual-ffn-of-xb2", "residual.other-buffer", at: feedForward) { values($0.xb2.row(0)) },
    residual(
      "residual-ffn-of-hb", "residual.other-buffer", at: feedForward, when: { $0.sizes.hiddenDim >= $0.sizes.dim }
    ) { s in Array(values(s.hb.row(0)).prefix(s.x.columns)) },
    normalizedBase("residual-attn-onto-norm", at: attention, .attentionNorm),
    normalizedBase("residual-ffn-onto-norm", at: feedForward, .ffnNorm),
  ]

  /// The branch added to what it was computed of.
  private static func normalizedBase(_ id: String, at site: Site, _ norm: Site) -> Fault {
    Fault(id, cause: "residual.normalized-base", at: [site], remembering: [norm]) { step, s, _ in
      let base = step.recall(norm, position: step.position) ?? s[site]
      s[site] = sum(base, site == attention ? values(s.xb2.row(0)) : values(s.xb.row(0)))
    }
  }

  private static func sum(_ a: [Float], _ b: [Float]) -> [Float] { zip(a, b).map { $0 + $1 } }
}
