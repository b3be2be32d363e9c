import Model
import TraceFormat

/// Replays a trace: computes every recorded operation again, in float64, from the trace's own recorded inputs, block of positions
/// by block of positions, and hands each result to whoever judges it.
///
/// It is a forward pass over estimates. A site that was recorded takes the recorded values; one that was not takes the estimate,
/// so that its error bound goes on to the next recorded site. Besides mapped files it holds a block's activations and the
/// cache of keys and values, as the model itself does.
struct TraceReplay {
  static let blockSize = 8

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
    /// The record cannot be what it says: damaged, or of another shape; how.
    case malformed(reason: String, detail: String)
  }

  /// Number of positions, recorded or not, that a replay goes through.
  var positionCount: Int { recorded.positionCount }
  /// The first record beyond the model's context, which is not replayed; nil where there is none.
  var firstBeyond: RecordKey? { recorded.firstBeyond }

  init(_ model: ReplayModel) {
    self.model = model
    let layers = model.sizes.layerCount
    steps = ReplayPlan.steps(layerCount: layers, quantized: model.isQuantized)
    recorded = RecordedSteps(model.tensors, context: model.sizes.sequenceLength, blockSize: Self.blockSize)
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
  ///   - end: the position before which to stop; nil replays all.
  ///   - progress: called after each block with the number of positions done.
  ///   - body: called for every record of the table's sites, in an order in which inputs precede outputs.
  mutating func run(before end: Int? = nil, progress: (Int) -> Void = { _ in }, _ body: (RecordKey, Outcome) -> Void) {
    for positions in recorded.blocks where positions.lowerBound < end ?? Int.max {
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
    // Behind a gap in the positions nothing is known of what came before, so the cache ends there.
    if step.site.isCached, caches[step]?.count ?? 0 == positions.lowerBound {
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
      return Row(
        result: isBlind ? nil : estimate, outcome: .malformed(reason: "damaged", detail: error.description))
    }
    guard isWellFormed(tensor, key) else {
      return Row(
        result: isBlind ? nil : estimate,
        outcome: .malformed(
          reason: "of another shape than the site has in this model",
          detail: "its shape is \(tensor.shape), and the model's is \(shape(key))"))
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
          result.missing =
            "\(source.site.rawValue) of an earlier position is not there and cannot be computed from what is"
        }
      } else if let estimate = current[source.site]?[position - block.lowerBound] {
        result.values.append(estimate)
      } else {
        result.missing = "\(source.site.rawValue) is not there and cannot be computed from what is"
      }
    }
    if operation.kind == .embedding {
      if let token = model.tokens[position] {
        let isKnown = (0..<model.sizes.vocabularySize).contains(token)
        if !isKnown { result.missing = "its token is outside the vocabulary" }
      } else {
        result.missing = "its token is unknown"
      }
    }
    return result
  }

  /// Whether a record has the site's elements in the site's order. A vector may be recorded as rows of heads.
  private func isWellFormed(_ tensor: RecordedTensor, _ key: RecordKey) -> Bool {
    guard let site = key.name.site, (key.layer == nil) == (site.scope != .layer) else { return false }
    let sizes = model.sizes
    if let length = sizes.length(of: site, groupSize: model.weights.groupSize) {
      return tensor.values.count == length
    }
    let isTransposed = tensor.shape.rank > 1 && tensor.shape.dimensions[0] != sizes.headCount
    return tensor.values.count == sizes.headCount * (key.position + 1) && !isTransposed
  }

  /// The site's shape in words.
  private func shape(_ key: RecordKey) -> String {
    let sizes = model.sizes
    guard let site = key.name.site else { return "unknown" }
    return sizes.length(of: site, groupSize: model.weights.groupSize).map { "\($0)" }
      ?? "\(sizes.headCount) x \(key.position + 1)"
  }
}
