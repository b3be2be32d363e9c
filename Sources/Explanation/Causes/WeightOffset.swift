import Model
import TraceFormat

// Weights that are read from the wrong place of the file.
extension Catalogue {
  static let weightOffsetTitle = "the weights are read at a shifted offset: the file's layout is misread"

  /// Places of the file at which the record's weights may have been read: typical misreadings of the layout.
  static func weightOffsets(_ context: CauseContext) -> [Hypothesis] {
    guard context.weights.groupSize == nil, let own = context.operation.weight else { return [] }
    let sizes = context.sizes
    let (rows, columns) = context.weights.shape(own)
    let rope = sizes.sequenceLength * sizes.headSize
    let narrow = (sizes.dim - sizes.keyValueDim) * sizes.dim
    let perLayer = [narrow, -narrow, rows * columns, -rows * columns]
    let constant =
      [1, -1, columns, -columns, 7, -7, 64, -64, rope, -rope, rope / 2, -rope / 2]
      + perLayer.map { $0 * sizes.layerCount }
    return offsetHypotheses(context, own, constant: constant, perLayer: perLayer)
  }

  /// Whatever place of a file that is not too large gives the record's elements.
  static func foundWeightOffsets(_ context: CauseContext) -> [Hypothesis] {
    guard context.weights.groupSize == nil, let own = context.operation.weight,
      let found = WeightSearch(context)?.distance
    else { return [] }
    let layer = context.layer ?? 0
    return offsetHypotheses(
      context, own, constant: [found], perLayer: layer > 0 && found % layer == 0 ? [found / layer] : [])
  }

  private static func offsetHypotheses(
    _ context: CauseContext, _ own: WeightName, constant: [Int], perLayer: [Int]
  ) -> [Hypothesis] {
    func hypothesis(_ detail: String, _ distance: @escaping @Sendable (CauseContext) -> Int) -> Hypothesis {
      Hypothesis(detail) { context in
        let layer = context.layer ?? 0
        guard let source = context.weights.source(own, layer: layer, shiftedBy: distance(context)) else { return nil }
        return productEstimate(context, source)
      }
    }
    func sign(_ distance: Int) -> String { distance > 0 ? "+\(distance)" : "\(distance)" }
    var seen: Set<Int> = [0]
    let layer = context.layer ?? 0
    let isLayered = context.layer != nil
    return constant.filter { seen.insert($0).inserted }.map { distance in
      hypothesis(
        "\(sign(distance)) floats, \(isLayered ? "in layer \(layer) " : "")\(context.weights.place(own, layer, distance))"
      ) { _ in distance }
    }
      + perLayer.filter { $0 != 0 }.map { distance in
        hypothesis("\(sign(distance)) floats per layer") { distance * ($0.layer ?? 0) }
      }
  }
}

/// Looks for the place in a float32 checkpoint at which a row gives a record's element.
struct WeightSearch {
  /// Where the matrix was read, counted in floats from where it is.
  let distance: Int

  /// The largest file that is searched, in floats; a larger one would take too long.
  static let limit = 40_000_000

  /// How many places that give the one element are compared with the others.
  static let greatestNumberOfHits = 64

  init?(_ context: CauseContext) {
    guard let own = context.operation.weight, context.weights.floatCount <= Self.limit else { return nil }
    let x = context.replay.activation(context.inputs).values
    let (columns, weights) = (x.count, context.weights)
    // The row whose result is farthest from zero is hit by chance least often.
    let actual = context.actual.values
    let finite = actual.indices.filter { actual[$0].isFinite && actual[$0] != 0 }
    guard let row = finite.max(by: { abs(actual[$0]) < abs(actual[$1]) }) else { return nil }
    let size = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
    let home = weights.floatOffset(own, context.layer ?? 0) + row * columns
    let last = weights.floatCount - columns
    guard last > 0, size > 0, size.isFinite else { return nil }
    let parts = 64
    let hits = concurrentMap(parts) { part -> [Int] in
      let range = (last * part / parts)..<(last * (part + 1) / parts)
      return weights.matches(x, value: actual[row], in: range)
    }.flatMap { $0 }
    // A few chance hits are told apart by the other rows.
    let found = hits.filter { $0 != home }.prefix(Self.greatestNumberOfHits).first { place in
      guard let source = weights.source(own, layer: context.layer ?? 0, shiftedBy: place - home) else { return false }
      return Catalogue.productEstimate(context, source)?.admits(context.actual) ?? false
    }
    guard let found else { return nil }
    distance = found - home
  }
}

extension ModelWeights {
  /// Which tensor begins at or before a place of the file, in words.
  func place(_ name: WeightName, _ layer: Int, _ distance: Int) -> String {
    let place = floatOffset(name, layer) + distance
    var best: (name: String, offset: Int)?
    for candidate in WeightName.allCases where candidate != .classifier || !configuration.sharesClassifier {
      let layers = [.tokenEmbedding, .classifier, .finalNorm].contains(candidate) ? 1 : configuration.layerCount
      for layer in 0..<layers {
        let offset = floatOffset(candidate, layer)
        if offset <= place, best.map({ $0.offset < offset }) ?? true {
          best = ("\(candidate.rawValue)\(layers > 1 ? " of layer \(layer)" : "")", offset)
        }
      }
    }
    return best.map { place == $0.offset ? "at \($0.name)" : "\(place - $0.offset) floats into \($0.name)" }
      ?? "before the first tensor"
  }
}
