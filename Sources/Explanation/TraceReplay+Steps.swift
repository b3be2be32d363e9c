import Model
import TraceFormat

extension TraceReplay {
  /// Replays a step at every position of a block and judges its records, on all processors where there is enough to do.
  ///
  /// - Parameter outputs: memory for the results.
  func rows(_ step: Step, _ positions: Range<Int>, _ outputs: inout Replay.AttentionSums) -> [Row] {
    let operation = step.site.operation(quantized: model.isQuantized)
    let sources = Sources(step, operation, self)
    let inputs = positions.map { sources.inputs($0, place: $0 - positions.lowerBound, model) }
    switch operation.kind {
    case .product:
      if let weight = operation.weight { return products(step, weight, positions, inputs, &outputs) }
    case .scores, .weightedSum:
      if let rows = attention(step, operation, positions, inputs, &outputs) { return rows }
    default: break
    }
    return judged(step, operation, positions, inputs) { row, position in
      guard inputs[row].missing == nil else { return nil }
      return model.replay(
        operation, layer: step.layer, position: position, inputs[row].values, cache: cache(inputs[row], position))
    }
  }

  /// Judges the rows that a body computes.
  private func judged(
    _ step: Step, _ operation: SiteOperation, _ positions: Range<Int>, _ inputs: [Inputs],
    _ estimate: (_ row: Int, _ position: Int) -> Estimate?
  ) -> [Row] {
    let work = positions.count * self.work(step.site, operation, position: positions.upperBound)
    return concurrentMap(positions.count, work: work) { row in
      let position = positions.lowerBound + row
      let own = estimate(row, position)
      let known = own ?? Estimate([])
      return self.row(
        step, position, inputs[row], isKnown: own != nil, values: known.values.span, errors: known.errors.span)
    }
  }

  private func products(
    _ step: Step, _ weight: WeightName, _ positions: Range<Int>, _ inputs: [Inputs], _ outputs: inout Replay.AttentionSums
  ) -> [Row] {
    let matrix = model.matrix(weight, layer: model.weightLayer(step.layer))
    let places = inputs.indices.filter { inputs[$0].missing == nil }
    let vectors = concurrentMap(places.count, work: places.count * matrix.columns) {
      model.activation(inputs[places[$0]].values)
    }
    let rule =
      model.productGroupSize.map { Replay.ProductBound(columns: matrix.columns, groupSize: $0) }
      ?? Replay.ProductBound(columns: matrix.columns)
    Replay.products(vectors, matrix, rule, into: &outputs.products)
    var rows = [Int?](repeating: nil, count: positions.count)
    for (row, place) in places.enumerated() { rows[place] = row }
    let results = outputs.products
    return concurrentMap(positions.count, work: positions.count * matrix.rows) { place in
      let position = positions.lowerBound + place
      guard let row = rows[place] else {
        let nothing: [Double] = []
        return self.row(step, position, inputs[place], isKnown: false, values: nothing.span, errors: nothing.span)
      }
      return self.row(
        step, position, inputs[place], isKnown: true, values: results.values(row), errors: results.errors(row))
    }
  }

  /// Scores or weighted sums of a block in which everything is known without error; nil where something is not.
  private func attention(
    _ step: Step, _ operation: SiteOperation, _ positions: Range<Int>, _ inputs: [Inputs],
    _ outputs: inout Replay.AttentionSums
  ) -> [Row]? {
    guard let read = inputs.first?.cache, let cache = caches[read], cache.exactCount >= positions.upperBound,
      inputs.allSatisfy({ $0.missing == nil && $0.isExact })
    else { return nil }
    let sizes = model.sizes
    let block = Replay.AttentionBlock(
      first: positions.lowerBound, headCount: sizes.headCount, headSize: sizes.headSize, keyHead: model.keyHead,
      rows: cache.prefix(through: positions.upperBound - 1))
    let vectors = inputs.map { $0.values[0] }
    if operation.kind == .scores {
      Replay.scoreSums(vectors, block, into: &outputs)
      let sums = outputs
      return judged(step, operation, positions, inputs) { row, position in
        Replay.scores(vectors[row], position: position, block, sums, divisor: Double(sizes.headSize).squareRoot())
      }
    }
    Replay.valueSums(vectors, block, into: &outputs)
    let sums = outputs
    return judged(step, operation, positions, inputs) { row, position in
      Replay.weightedSum(vectors[row], position: position, block, sums)
        ?? model.replay(
          operation, layer: step.layer, position: position, [vectors[row]], cache: self.cache(inputs[row], position))
    }
  }

  /// About how many elementary steps one row takes, a product's own apart.
  private func work(_ site: Site, _ operation: SiteOperation, position: Int) -> Int {
    let length =
      model.sizes.length(of: site, groupSize: model.weights.groupSize) ?? model.sizes.headCount * (position + 1)
    switch operation.kind {
    case .scores: return length * model.sizes.headSize
    case .weightedSum: return length * (position + 1)
    case .softmax, .swiglu, .rotation: return length * 8
    default: return length
    }
  }

  /// The rows of the cache that an operation reads at a position.
  func cache(_ inputs: Inputs, _ position: Int) -> [Estimate] {
    inputs.cache.flatMap { caches[$0] }?.prefix(through: position) ?? []
  }
}
