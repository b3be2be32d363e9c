import Model
import TraceFormat
import TraceSources

extension TraceReplay {
  /// Replays a step at every position of a block and judges its records, on all processors where there is enough to do.
  ///
  /// - Parameter outputs: memory for the results.
  func rows(_ step: Step, _ positions: Range<Int>, _ outputs: inout Replay.BulkSums) -> [Row] {
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
    _ step: Step, _ weight: WeightName, _ positions: Range<Int>, _ inputs: [Inputs],
    _ outputs: inout Replay.BulkSums
  ) -> [Row] {
    let matrix = model.matrix(weight, layer: model.weightLayer(step.layer))
    let places = inputs.indices.filter { inputs[$0].missing == nil }
    let vectors = concurrentMap(places.count, work: places.count * matrix.columns) {
      model.activation(inputs[places[$0]].values)
    }
    let rule =
      model.productGroupSize.map { Replay.ProductBound(columns: matrix.columns, groupSize: $0) }
      ?? Replay.ProductBound(columns: matrix.columns)
    let packs = Replay.PackedVectors.all(vectors, rule)
    if let rows = settledInParts(step, positions, inputs, packs, matrix, &outputs.products) { return rows }
    Replay.products(packs, matrix, into: &outputs.products)
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

  /// Judges a wide product that nothing reads, as logits are, part by part of its rows, without holding all of it; nil
  /// where a record is absent or there is more to say of it than that rounding explains it.
  private func settledInParts(
    _ step: Step, _ positions: Range<Int>, _ inputs: [Inputs], _ packs: [Replay.PackedVectors],
    _ matrix: WeightSource, _ outputs: inout EstimateRows
  ) -> [Row]? {
    let width = max(Panel.rows, limits.partBytes / (16 * positions.count) / Panel.rows * Panel.rows)
    guard !readSites.contains(step.site), !keepsContexts, matrix.rows > 2 * width,
      inputs.allSatisfy({ $0.missing == nil && $0.isExact })
    else { return nil }
    let keys = positions.map { RecordKey(step.site, layer: step.layer, position: $0) }
    var findings = concurrentMap(keys.count, work: keys.count * matrix.rows) { place in
      self.untakenFinding(keys[place])
    }
    for start in stride(from: 0, to: matrix.rows, by: width) {
      guard findings.allSatisfy({ $0?.judgement.isRounding ?? false }) else { return nil }
      let rows = start..<min(start + width, matrix.rows)
      Replay.products(packs, matrix, rows: rows, into: &outputs)
      let (before, results) = (findings, outputs)
      findings = concurrentMap(keys.count, work: keys.count * rows.count) { place in
        guard var finding = before[place] else { return nil }
        let isTaken = model.tensors.trace.withVerifiedRecord(keys[place]) { record in
          // The file may have been changed since the record was verified.
          guard record.elementCount == finding.judgement.count else { return false }
          finding.judgement.take(record, from: start, values: results.values(place), errors: results.errors(place))
          return true
        }
        return isTaken ?? false ? finding : nil
      }
    }
    let settled = findings.compactMap { $0 }
    guard settled.count == keys.count,
      settled.allSatisfy({ $0.judgement.isRounding && $0.judgement.unbounded < $0.judgement.count })
    else { return nil }
    return settled.map { Row(outcome: .rounding($0)) }
  }

  /// Verifies a record; nil where it is absent, damaged or of another shape.
  private func untakenFinding(_ key: RecordKey) -> Explanation.Finding? {
    do throws(TraceError) {
      let found = try model.tensors.trace.withRecord(key) { record -> Explanation.Finding? in
        guard isWellFormed(record) else { return nil }
        let judgement = Judgement(count: record.elementCount)
        return Explanation.Finding(key: key, shape: record.shape, type: record.elementType, judgement: judgement)
      }
      return found.flatMap { $0 }
    } catch { return nil }
  }

  /// Scores or weighted sums of a block in which everything is known without error; nil where something is not.
  private func attention(
    _ step: Step, _ operation: SiteOperation, _ positions: Range<Int>, _ inputs: [Inputs],
    _ outputs: inout Replay.BulkSums
  ) -> [Row]? {
    guard let read = inputs.first?.cache, let cache = caches[read], cache.exactCount >= positions.upperBound,
      inputs.allSatisfy({ $0.missing == nil && $0.isExact })
    else { return nil }
    let sizes = model.sizes
    let block = Replay.AttentionBlock(
      first: positions.lowerBound, headCount: sizes.headCount, headSize: sizes.headSize, keyHead: model.keyHead,
      rows: readRows)
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
    inputs.cache == nil ? [] : Array(readRows.prefix(position + 1))
  }
}
