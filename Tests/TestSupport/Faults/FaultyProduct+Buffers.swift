import Model
import TraceFormat

extension Fault {
  /// Mistakes in what a product leaves in its output, or finds there.
  static let staleProducts: [Fault] = [
    // Rows that are computed at the first position only.
    kept("product-wo-last-row-kept", at: .outputProjection) { rows, _ in (rows - 1)..<rows },
    kept("product-w3-last-row-kept", at: .upProjection) { rows, _ in (rows - 1)..<rows },
    kept("product-wq-last-head-kept", at: .queryProjection) { rows, sizes in (rows - sizes.headSize)..<rows },
    kept("product-wk-first-head-kept", at: .keyProjection) { _, sizes in 0..<sizes.headSize },
    // A loop over rows that ends one early: what the buffer held stays.
    unwritten("product-logits-last-row-unwritten", at: .logits),
    unwritten("product-wo-last-row-unwritten", at: .outputProjection),
    unwritten("product-w2-last-row-unwritten", at: .downProjection),
    unwritten("product-w1-last-row-unwritten", at: .gateProjection),
    late,

    accumulated("product-wo-not-cleared", at: .outputProjection),
    accumulated("product-w2-not-cleared", at: .downProjection),
    accumulated("product-wv-not-cleared", at: .valueProjection),
    accumulatedInPlace("product-logits-not-cleared", at: .logits),
    accumulatedInPlace("product-w1-not-cleared-shared-buffer", at: .gateProjection),
    accumulatedInPlace("product-w2-not-cleared-shared-buffer", at: .downProjection),
  ]

  private static func kept(
    _ id: String, at site: Site, _ choose: @escaping @Sendable (_ rows: Int, _ sizes: Configuration) -> Range<Int>
  ) -> Fault {
    Fault(id, cause: "product.stale-rows", at: [site], remembering: [site]) { step, s, model in
      step.proceed(&s, model)
      guard let previous = step.recall(site, position: step.position - 1) else { return }
      var output = s[site]
      let rows = choose(output.count, model.configuration)
      output.replaceSubrange(rows, with: previous[rows])
      s[site] = output
    }
  }

  private static func unwritten(_ id: String, at site: Site) -> Fault {
    Fault(id, cause: "product.stale-rows", at: [site]) { step, s, model in
      let before = s[site]
      step.proceed(&s, model)
      s[site] = s[site].dropLast() + before.suffix(1)
    }
  }

  /// The thread that computes the last row is late: who reads the output finds what it wrote a position before.
  private static let late = Fault(
    "product-w2-last-row-late", cause: "product.stale-rows", at: [.downProjection]
  ) { step, s, model in
    step.proceed(&s, model)
    let output = s[step.site]
    step.remember("computed", output)
    let previous = step.recall("computed", position: step.position - 1)
    s[step.site] = output.dropLast() + [previous?.last ?? 0]
  }

  /// Sums that begin from what the layer's own output held.
  private static func accumulated(_ id: String, at site: Site) -> Fault {
    Fault(id, cause: "product.not-cleared", at: [site], remembering: [site]) { step, s, model in
      step.proceed(&s, model)
      guard let previous = step.recall(site, position: step.position - 1) else { return }
      s[site] = zip(previous, s[site]).map { $0 + $1 }
    }
  }

  /// Sums that begin from what llama2.c's buffer held, whoever wrote it.
  private static func accumulatedInPlace(_ id: String, at site: Site) -> Fault {
    Fault(id, cause: "product.not-cleared", at: [site]) { step, s, model in
      let before = s[site]
      step.proceed(&s, model)
      s[site] = zip(before, s[site]).map { $0 + $1 }
    }
  }
}
