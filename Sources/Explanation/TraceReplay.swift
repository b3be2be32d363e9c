import Model
import TraceFormat

/// Replays a trace: computes every recorded operation again, in float64, from the trace's own recorded inputs, block of positions
/// by block of positions, and hands each result to whoever judges it.
///
/// It is a forward pass over estimates. A site that was recorded takes the recorded values; one that was not takes the estimate,
/// so that its error bound goes on to the next recorded site. Besides mapped files it holds a block's activations and the
/// cache of keys and values, as the model itself does.
struct TraceReplay {
  static let blockSize = Replay.ProductBatch.capacity

  let model: ReplayModel
  private let steps: [Step]
  private let recorded: RecordedSteps
  private let cachedSteps: Set<Step>
  private var current: [Site: [Estimate?]] = [:]
  private var caches: [Step: [Estimate?]] = [:]

  /// What the replay of one record gives.
  enum Outcome: Sendable {
    /// The operation could be replayed: how the record compares; the context holds both.
    case replayed(Judgement, CauseContext)
    /// It could not; why.
    case unchecked(String)
    /// The record is damaged; how.
    case damaged(TraceError)
  }

  /// Number of positions, recorded or not, that a replay goes through.
  var positionCount: Int { recorded.positionCount }

  init(_ model: ReplayModel) {
    self.model = model
    let layers = model.sizes.layerCount
    steps = ReplayPlan.steps(layerCount: layers, quantized: model.isQuantized)
    recorded = RecordedSteps(model.tensors)
    let anywhere = recorded.anywhere
    cachedSteps =
      ReplayPlan(
        steps, layerCount: layers, quantized: model.isQuantized, cached: [], isRecorded: { anywhere.contains($0) },
        isComplete: { _ in false }
      ).cached
  }

  /// Replays everything.
  ///
  /// - Parameters:
  ///   - progress: called after each block with the number of positions done.
  ///   - body: called for every record of the table's sites, in an order in which inputs precede outputs.
  mutating func run(progress: (Int) -> Void, _ body: (RecordKey, Outcome) -> Void) {
    for start in stride(from: 0, to: positionCount, by: Self.blockSize) {
      let positions = start..<min(start + Self.blockSize, positionCount)
      let block = recorded.block(positions)
      let plan = ReplayPlan(
        steps, layerCount: model.sizes.layerCount, quantized: model.isQuantized, cached: cachedSteps,
        isRecorded: { (block[$0] ?? 0) > 0 }, isComplete: { (block[$0] ?? 0) == positions.count })
      for step in steps where plan.needed.contains(step) { perform(step, positions, body) }
      progress(positions.upperBound)
    }
  }

  private mutating func perform(_ step: Step, _ positions: Range<Int>, _ body: (RecordKey, Outcome) -> Void) {
    let rows = self.rows(step, positions)
    current[step.site] = rows.map(\.result)
    if step.site.isCached {
      caches[step, default: []].removeLast(max(0, (caches[step]?.count ?? 0) - positions.lowerBound))
      caches[step, default: []] += rows.map(\.result)
    }
    for (row, position) in zip(rows, positions) {
      if let outcome = row.outcome { body(RecordKey(step.site, layer: step.layer, position: position), outcome) }
    }
  }

  /// One step at one position: what later steps compute with, and what there is to say of its record.
  private struct Row: Sendable {
    /// The recorded values, or the estimate where there are none; nil where neither is known.
    var result: Estimate?
    /// nil where nothing was recorded.
    var outcome: Outcome?
  }

  /// Replays a step at every position of a block and judges its records, on all processors where there is enough to do.
  private func rows(_ step: Step, _ positions: Range<Int>) -> [Row] {
    let operation = step.site.operation(quantized: model.isQuantized)
    let work = positions.count * self.work(step.site, operation, position: positions.upperBound)
    guard operation.kind == .product, let weight = operation.weight else {
      return concurrentMap(positions.count, work: work) { row in
        let position = positions.lowerBound + row
        let inputs = self.inputs(step, position, positions)
        guard inputs.missing == nil else { return self.row(step, position, inputs, nil) }
        let estimate = model.replay(
          operation, layer: step.layer, position: position, inputs.values, cache: inputs.cache)
        return self.row(step, position, inputs, estimate)
      }
    }
    let inputs = positions.map { self.inputs(step, $0, positions) }
    let vectors = inputs.map { $0.missing == nil ? model.activation($0.values) : nil }
    let estimates = Replay.product(
      vectors, model.matrix(weight, layer: model.weightLayer(step.layer)), groupSize: model.productGroupSize)
    return concurrentMap(positions.count, work: work) { row in
      self.row(step, positions.lowerBound + row, inputs[row], estimates[row])
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

  /// Compares an estimate with what was recorded.
  private func row(_ step: Step, _ position: Int, _ inputs: Inputs, _ estimate: Estimate?) -> Row {
    let key = RecordKey(step.site, layer: step.layer, position: position)
    let isBlind = estimate.map { !inputs.isExact && $0.isTooWide } ?? false
    guard model.tensors.contains(key) else { return Row(result: isBlind ? nil : estimate) }
    let tensor: RecordedTensor
    do throws(TraceError) {
      guard let found = try model.tensors.tensor(key) else { return Row() }
      tensor = found
    } catch {
      return Row(outcome: .damaged(error))
    }
    guard isWellFormed(tensor, key) else {
      return Row(outcome: .unchecked("its shape \(tensor.shape) is not that of the site in this model"))
    }
    guard let estimate else {
      return Row(result: tensor.estimate, outcome: .unchecked(inputs.missing ?? "an input is missing"))
    }
    guard !isBlind else {
      let reason = "too much between it and the nearest recorded tensors was not recorded to prove anything"
      return Row(result: tensor.estimate, outcome: .unchecked(reason))
    }
    guard !estimate.isUnbounded else {
      let reason = "what it is computed from leaves the range of float32, where honest results differ"
      return Row(result: tensor.estimate, outcome: .unchecked(reason))
    }
    let context = CauseContext(
      replay: model, site: step.site, layer: step.layer, position: position, inputs: inputs.values,
      actual: tensor, expected: estimate, cache: inputs.cache)
    return Row(result: tensor.estimate, outcome: .replayed(Judgement(tensor, estimate), context))
  }

  /// What an operation reads at one position.
  private struct Inputs {
    var values: [Estimate] = []
    var cache: [Estimate] = []
    /// Why something is absent; nil where nothing is.
    var missing: String?

    var isExact: Bool { values.allSatisfy(\.isExact) && cache.allSatisfy(\.isExact) }
  }

  private func inputs(_ step: Step, _ position: Int, _ block: Range<Int>) -> Inputs {
    var result = Inputs()
    let operation = step.site.operation(quantized: model.isQuantized)
    for input in operation.inputs {
      let source = input.source(layer: step.layer, layerCount: model.sizes.layerCount)
      if case .cached = input {
        let rows = caches[Step(site: source.site, layer: source.layer)] ?? []
        let known = rows.prefix(position + 1).compactMap { $0 }
        if known.count == position + 1 {
          result.cache = known
        } else {
          result.missing = "\(source.site.rawValue) of an earlier position was not recorded and cannot be computed"
        }
      } else if let estimate = current[source.site]?[position - block.lowerBound] {
        result.values.append(estimate)
      } else {
        result.missing = "\(source.site.rawValue) was not recorded and cannot be computed"
      }
    }
    if operation.kind == .embedding, model.tokens[position] == nil { result.missing = "its token is unknown" }
    return result
  }

  private func isWellFormed(_ tensor: RecordedTensor, _ key: RecordKey) -> Bool {
    guard let site = key.name.site else { return false }
    guard (key.layer == nil) == (site.scope != .layer) else { return false }
    let sizes = model.sizes
    if let length = sizes.length(of: site, groupSize: model.weights.groupSize) {
      return tensor.values.count == length
    }
    return tensor.values.count == sizes.headCount * (key.position + 1)
  }
}

extension ReplayModel {
  /// The exact result of an operation that is not a product, and its bound.
  func replay(
    _ operation: SiteOperation, layer: Int?, position: Int, _ inputs: [Estimate], cache: [Estimate]
  ) -> Estimate? {
    switch operation.kind {
    case .embedding:
      guard let token = tokens[position], (0..<sizes.vocabularySize).contains(token) else { return nil }
      return embedding(token)
    case .rmsNorm:
      guard let weight = operation.weight else { return nil }
      return Replay.rmsNorm(inputs[0], weight: weights.vector(weight, layer: weightLayer(layer)), norm)
    case .product: return nil
    case .rotation: return Replay.rotate(inputs[0], position: position, rotation)
    case .scores:
      return scores(inputs[0], cache, divisor: Double(sizes.headSize).squareRoot(), keyHead: keyHead)
    case .softmax: return softmax(inputs[0])
    case .weightedSum: return weightedSum(inputs[0], cache, valueHead: keyHead)
    case .residual:
      // A branch that was not recorded may have been summed into x, term by term.
      let branch = operation.inputs[1].site.operation(quantized: isQuantized)
      let terms = inputs[1].isExact ? 0 : branch.weight.map { weights.shape($0).columns } ?? 0
      return Replay.residual(inputs[0], inputs[1], terms: terms)
    case .swiglu: return Replay.swiglu(inputs[0], inputs[1])
    case .quantizedScales: return Replay.quantizationScales(inputs[0], groupSize: groupSize)
    case .quantizedValues: return Replay.quantizedValues(inputs[0], scales: inputs[1], groupSize: groupSize)
    }
  }
}

/// Which steps a trace holds, and at how many positions of a block.
struct RecordedSteps {
  /// Steps that were recorded at some position.
  private(set) var anywhere: Set<Step> = []
  /// One more than the last position with a record of a site of the table.
  private(set) var positionCount = 0
  private let tensors: RecordedTensors
  /// The place in the order of execution of each position's first record.
  private var starts: [Int: Int] = [:]

  init(_ tensors: RecordedTensors) {
    self.tensors = tensors
    for place in 0..<tensors.trace.recordCount {
      let key = tensors.trace.key(at: place)
      if starts[key.position] == nil { starts[key.position] = place }
      guard let site = key.name.site else { continue }
      anywhere.insert(Step(site: site, layer: key.layer))
      positionCount = max(positionCount, key.position + 1)
    }
  }

  /// At how many positions of a block each step was recorded.
  func block(_ positions: Range<Int>) -> [Step: Int] {
    var counts: [Step: Int] = [:]
    guard let first = positions.compactMap({ starts[$0] }).first else { return counts }
    for place in first..<tensors.trace.recordCount {
      let key = tensors.trace.key(at: place)
      guard positions.contains(key.position) else { break }
      if let site = key.name.site { counts[Step(site: site, layer: key.layer), default: 0] += 1 }
    }
    return counts
  }
}
