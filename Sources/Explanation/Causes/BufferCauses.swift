import Model
import TraceFormat

// Mistakes in what a buffer holds; several operations share them.
extension Catalogue {
  /// Outputs of which some elements hold what was there before.
  static let stale: [Cause] = [
    (SiteOperation.Kind.product, "product.stale-rows"), (.swiglu, "swiglu.stale"), (.weightedSum, "attention.stale"),
    (.rotation, "rope.stale"),
  ].map { kind, id in
    Cause(id, "some of the output's elements are stale, or were never written", at: [kind]) { context in
      let all = sources(context)
      // A vector that is rotated in place holds its input; which part of it was not rotated is a cause of its own.
      return (kind == .rotation ? all.filter { !$0.isOwnBuffer } : all).flatMap { source in
        stalePlaces(context, source).map { places in
          Hypothesis("elements \(rangesText(places)) \(source.description)") { context in
            replaced(context, places, source)
          }
        }
      }
    }
  }

  /// What a buffer may have held before.
  struct BufferSource: Sendable {
    let description: String
    /// Whether it is what llama2.c's buffer of this name held before.
    var isOwnBuffer = false
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
      BufferSource(description: "hold what the buffer held before", isOwnBuffer: true) { context in
        previousContent(context)
      },
      BufferSource(description: "hold the last layer's values of the position before") { context in
        guard context.layer != nil, context.position > 0 else { return nil }
        return context.recorded(context.site, layer: context.sizes.layerCount - 1, position: context.position - 1)
      },
      BufferSource(description: "hold the last values that a layer wrote (at layer 0, the last layer's)") { context in
        guard let layer = context.layer, layer > 0 || context.position > 0 else { return nil }
        return layer > 0
          ? context.recorded(context.site, layer: layer - 1, position: context.position)
          : context.recorded(context.site, layer: context.sizes.layerCount - 1, position: context.position - 1)
      },
      BufferSource(description: "hold what is right for the position before") { context in resultBefore(context) },
      BufferSource(description: "are zero") { context in
        Estimate([Double](repeating: 0, count: context.expected.count))
      },
    ]
  }

  /// Expected values, with what was there before at some places.
  private static func replaced(_ context: CauseContext, _ places: [Int], _ source: BufferSource) -> Estimate? {
    guard let before = source.values(context), before.count >= context.expected.count else { return nil }
    var result = context.expected
    if result.isExact { result.errors = [Double](repeating: 0, count: result.count) }
    for i in places where i < result.count {
      result.values[i] = before.values[i]
      result.errors[i] = before.error(i)
    }
    return result
  }

  /// The places at which a record holds what was there before. Where both are alike the range from the first such place
  /// to the last may be meant as well.
  private static func stalePlaces(_ context: CauseContext, _ source: BufferSource) -> [[Int]] {
    guard let before = source.values(context), before.count >= context.expected.count else { return [] }
    var places: [Int] = []
    var isAlike: Set<Int> = []
    for i in 0..<context.expected.count {
      let (actual, type) = (context.actual.values[i], context.actual.type)
      let isRight = Judgement.Element(actual, context.expected.values[i], context.expected.error(i), type).passes
      let isStale = Judgement.Element(actual, before.values[i], before.error(i), type).passes
      guard isRight || isStale else { return [] }
      if !isRight { places.append(i) }
      if isRight && isStale { isAlike.insert(i) }
    }
    guard var first = places.first, var last = places.last else { return [] }
    let own = Set(places)
    var result = [places]
    func addRange() {
      let range = Array(first...last)
      guard range != result.last, range.allSatisfy({ own.contains($0) || isAlike.contains($0) }) else { return }
      result.append(range)
    }
    addRange()
    while isAlike.contains(first - 1) { first -= 1 }
    while isAlike.contains(last + 1) { last += 1 }
    addRange()
    return result
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

  /// Rows of scores or attention weights that were not computed this time.
  static let staleHeads = [
    Cause("buffer.stale-head", "a head's row is stale, or was never computed", at: [.scores, .softmax]) { context in
      let count = context.sizes.headCount
      let length = context.position + 1
      let wrong = (0..<count).filter { head in
        ((head * length)..<((head + 1) * length)).contains { i in
          !Judgement.Element(
            context.actual.values[i], context.expected.values[i], context.expected.error(i), context.actual.type
          ).passes
        }
      }
      let name = wrong.count == 1 ? "head \(wrong[0]) holds" : "heads \(rangesText(wrong)) hold"
      // All heads' rows left raw are a softmax that is missing.
      let sources = rowSources.filter { wrong.count < count || $0.description != "raw scores" }
      return sources.map { source in
        Hypothesis("\(name) \(source.description)") { withRows(source, of: wrong, $0) }
      }
    }
  ]

  /// What a row of scores or attention weights may have held before; of another position's, one entry less.
  private static let rowSources: [BufferSource] = [
    BufferSource(description: "zeros") { Estimate([Double](repeating: 0, count: $0.expected.count)) },
    BufferSource(description: "the position before's values") { context in
      context.position > 0 ? context.recordedHere(position: context.position - 1) : nil
    },
    BufferSource(description: "the layer before's values") { context in
      guard let layer = context.layer, layer > 0 else { return nil }
      return context.recorded(context.site, layer: layer - 1, position: context.position)
    },
    BufferSource(description: "the last layer's values of the position before") { context in
      guard context.layer != nil, context.position > 0 else { return nil }
      return context.recorded(context.site, layer: context.sizes.layerCount - 1, position: context.position - 1)
    },
    BufferSource(description: "raw scores") { $0.operation.kind == .softmax ? $0.inputs[0] : nil },
    BufferSource(description: "what the buffer held before") {
      $0.operation.kind == .scores ? previousContent($0) : nil
    },
  ]

  /// Some heads' rows taken from elsewhere. Where those are one entry short, the last may be anything.
  private static func withRows(_ source: BufferSource, of heads: [Int], _ context: CauseContext) -> Estimate? {
    guard let before = source.values(context) else { return nil }
    let length = context.position + 1
    let width = before.count / context.sizes.headCount
    guard width == length || width == length - 1, width > 0 else { return nil }
    var result = context.expected
    if result.isExact { result.errors = [Double](repeating: 0, count: result.count) }
    for head in heads {
      for t in 0..<length {
        let (own, other) = (head * length + t, head * width + t)
        result.values[own] = t < width ? before.values[other] : context.actual.values[own]
        result.errors[own] = t < width ? before.error(other) : 0
      }
    }
    return result
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
}
