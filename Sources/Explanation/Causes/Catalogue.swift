import PlatformLibc
import Model
import TraceComparison
import TraceFormat

/// All known mistakes, in the order of their plausibility within an operation. To add one, add an entry to one of the
/// lists.
enum Catalogue {
  static let all: [Cause] = [
    norm, rotation, scores, softmax, attention, heads, cache, staleHeads, swiglu, residual, product, embedding,
    quantization, stale,
  ].flatMap { $0 }

  /// The causes that can occur at an operation.
  static func causes(at kind: SiteOperation.Kind) -> [Cause] { all.filter { $0.kinds.contains(kind) } }
}

// What several entries share.
extension Catalogue {
  /// Another layer, relative to the record's or fixed, so that one hypothesis serves all records.
  struct OtherLayer: Sendable {
    let description: String
    let layer: @Sendable (CauseContext) -> Int?
  }

  /// The layers that a mistake may have read instead of the record's own.
  static func otherLayers(_ context: CauseContext) -> [OtherLayer] {
    let count = context.sizes.layerCount
    func relative(_ shift: Int, _ name: String) -> OtherLayer {
      OtherLayer(description: name) { context in
        guard let own = context.layer, (0..<context.sizes.layerCount).contains(own + shift) else { return nil }
        return own + shift
      }
    }
    let fixed = (0..<count).filter { $0 != context.layer }.map { layer in
      OtherLayer(description: "layer \(layer)'s") { $0.layer == nil ? nil : layer }
    }
    let wrapped = OtherLayer(description: "the next layer's, the last reading the first's") { context in
      context.layer.map { ($0 + 1) % context.sizes.layerCount }
    }
    return [relative(-1, "the layer before's"), relative(1, "the next layer's"), wrapped] + fixed
  }

  /// A tensor of the same position, possibly of a layer above or below; behind the layers, the last one is the record's
  /// own.
  static func tensor(_ context: CauseContext, _ site: Site, layersUp shift: Int = 0) -> Estimate? {
    guard site.scope == .layer else { return context.recorded(site, layer: nil, position: context.position) }
    let layer = (context.layer ?? context.sizes.layerCount - 1) + shift
    guard (0..<context.sizes.layerCount).contains(layer) else { return nil }
    return context.recorded(site, layer: layer, position: context.position)
  }

  /// x as it entered the layer, before its attention: the layer before's `x.ffn_residual`, and `x.embed` in the first.
  static func layerInput(_ context: CauseContext) -> Estimate? {
    guard let layer = context.layer else { return nil }
    return layer == 0
      ? context.recorded(.embedding, layer: nil, position: context.position)
      : context.recorded(.ffnResidual, layer: layer - 1, position: context.position)
  }

  /// Each element times a factor.
  static func scaled(_ x: Estimate, by factors: [Double]) -> Estimate {
    var result = Estimate(zeros: x.count)
    for j in 0..<x.count {
      result.values[j] = x.values[j] * factors[j]
      result.errors[j] = (x.error(j) + 3 * Rounding.u * abs(x.values[j])) * abs(factors[j]) + 3 * Rounding.eta
    }
    return result
  }

  /// All elements, bounds included, times a factor that itself carries a few roundings.
  static func scaled(_ x: Estimate, by factor: Double) -> Estimate {
    scaled(x, by: [Double](repeating: factor, count: x.count))
  }

  /// A number rounded to a few significant decimal digits.
  static func roundedToDigits(_ value: Double, _ digits: Int) -> Double {
    guard value != 0, value.isFinite else { return value }
    return Double(NumberText.rounded(value, digits: digits)) ?? value
  }
}
