import Model
import TraceFormat

// Mistakes in what a buffer holds; several operations share them.
extension Catalogue {
  /// Outputs of which some elements hold what was there before.
  static let stale: [Cause] = [
    (SiteOperation.Kind.product, "product.stale-rows"), (.swiglu, "swiglu.stale"), (.weightedSum, "attention.stale"),
  ].map { kind, id in
    Cause(id, "some of the output's elements are stale", at: [kind]) { context in
      sources(context).compactMap { source in
        guard let places = stalePlaces(context, source) else { return nil }
        return Hypothesis("\(places) \(source.description)") { context in staleMix(context, source) }
      }
    }
  }

  /// What a buffer may have held before.
  struct BufferSource: Sendable {
    let description: String
    let values: @Sendable (CauseContext) -> Estimate?
  }

  private static func sources(_ context: CauseContext) -> [BufferSource] {
    [
      BufferSource(description: "hold the position before's values") { context in
        context.position > 0 ? context.recordedHere(position: context.position - 1) : nil
      },
      BufferSource(description: "hold the layer before's values") { context in
        guard let layer = context.layer, layer > 0 else { return nil }
        return context.recorded(context.site, layer: layer - 1, position: context.position)
      },
      BufferSource(description: "hold what the buffer held before") { context in previousContent(context) },
      BufferSource(description: "hold what is right for the position before") { context in resultBefore(context) },
      BufferSource(description: "are zero") { context in
        Estimate([Double](repeating: 0, count: context.expected.count))
      },
    ]
  }

  /// Expected values, with what was there before wherever the record holds just that.
  private static func staleMix(_ context: CauseContext, _ source: BufferSource) -> Estimate? {
    guard let before = source.values(context), before.count >= context.expected.count else { return nil }
    var result = context.expected
    if result.isExact { result.errors = [Double](repeating: 0, count: result.count) }
    var (replaced, kept) = (0, 0)
    for i in 0..<result.count {
      let actual = context.actual.values[i]
      let element = Judgement.Element(actual, result.values[i], result.error(i), context.actual.type)
      if element.passes {
        kept += 1
      } else if Judgement.Element(actual, before.values[i], before.error(i), context.actual.type).passes {
        result.values[i] = before.values[i]
        result.errors[i] = before.error(i)
        replaced += 1
      }
    }
    return replaced > 0 && replaced + kept == result.count ? result : nil
  }

  /// What a product should have given at the position before, whether or not that was recorded.
  private static func resultBefore(_ context: CauseContext) -> Estimate? {
    guard context.operation.kind == .product else { return nil }
    guard context.position > 0 else { return Estimate([Double](repeating: 0, count: context.expected.count)) }
    let inputs = context.operation.inputs.compactMap {
      context.recorded($0.site, layer: context.layer, position: context.position - 1)
    }
    guard inputs.count == context.operation.inputs.count, let own = context.operation.weight else { return nil }
    let weights = context.replay.matrix(own, layer: context.layer ?? 0)
    return fullProduct(context, weights, context.replay.activation(inputs))
  }

  private static func stalePlaces(_ context: CauseContext, _ source: BufferSource) -> String? {
    guard let mix = staleMix(context, source) else { return nil }
    let places = mix.values.indices.filter { mix.values[$0] != context.expected.values[$0] }
    return places.isEmpty ? nil : "elements \(rangesText(places))"
  }

  /// Sums added onto what the buffer held before.
  static func leftovers(_ context: CauseContext) -> [Hypothesis] {
    return sources(context).prefix(3).map { source in
      let words = source.description.replacing("hold ", with: "")
      return Hypothesis(words) { context in
        guard let before = source.values(context), before.count >= context.expected.count else { return nil }
        let terms =
          context.operation.kind == .product ? context.replay.activation(context.inputs).count : context.position + 1
        let gamma = Rounding.gamma(terms + 2)
        var result = context.expected
        if result.isExact { result.errors = [Double](repeating: 0, count: result.count) }
        for i in 0..<result.count {
          result.values[i] += before.values[i]
          result.errors[i] += gamma * abs(before.values[i]) + before.error(i)
        }
        return result
      }
    }
  }

  /// What llama2.c's buffer of this name held before the operation: the site that wrote to it last.
  static func previousContent(_ context: CauseContext) -> Estimate? {
    let sites = Site.all(quantized: context.replay.isQuantized).filter { $0.buffer == context.site.buffer }
    let own = RecordKey(context.site, layer: context.layer, position: context.position)
    let layers = context.sizes.layerCount
    var latest: RecordKey?
    for position in [context.position, context.position - 1] where position >= 0 && latest == nil {
      for site in sites {
        for layer in site.scope == .layer ? (0..<layers).map(Optional.some) : [nil] {
          let key = RecordKey(site, layer: layer, position: position)
          if key < own, latest.map({ $0 < key }) ?? true { latest = key }
        }
      }
    }
    guard let latest, let site = latest.name.site else { return nil }
    return context.recorded(site, layer: latest.layer, position: latest.position)
  }

  /// Ascending numbers as `0..3, 8`; at most a few ranges.
  static func rangesText(_ numbers: [Int]) -> String {
    var ranges: [(Int, Int)] = []
    for number in numbers {
      if let last = ranges.last, last.1 == number - 1 {
        ranges[ranges.count - 1].1 = number
      } else {
        ranges.append((number, number))
      }
    }
    let texts = ranges.prefix(8).map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)..\($0.1)" }
    return texts.joined(separator: ", ") + (ranges.count > 8 ? " and \(ranges.count - 8) more ranges" : "")
  }
}
