import Model
import TraceFormat
import TraceSources

/// Replays a trace: computes every recorded operation again, in float64, from the trace's own recorded inputs, block of
/// positions by block of positions, and hands each result to whoever judges it.
///
/// It is a forward pass over estimates. A site that was recorded takes the recorded values; one that was not takes the
/// estimate, so that its error bound goes on to the next recorded site. Besides mapped files it holds a block's
/// activations, one layer's keys and values of all positions, and of the others those that were not recorded.
struct TraceReplay {
  /// Positions of a block: records are handed over block by block, step by step, position by position.
  static let blockSize = 8

  /// How much is done at once. No result depends on it.
  struct Limits: Sendable {
    /// Most positions that are replayed at once, where rounding explains them all.
    var surveySize = 64
    /// About how many bytes a survey's widest site may take.
    var surveyBytes = 64 << 20
    /// About how many bytes the results of a part of a wide product may take, so that they are judged while caches hold
    /// them.
    var partBytes = 4 << 20
  }

  let model: ReplayModel
  private let steps: [Step]
  private let recorded: RecordedSteps
  private let cachedSteps: Set<Step>
  /// Sites that are inputs of an operation.
  let readSites: Set<Site>
  /// Whether honest records are handed over with what they were judged by.
  let keepsContexts: Bool
  let limits: Limits
  /// What is known of the block's sites, of the layer that was replayed last.
  var current: [Site: [Estimate?]] = [:]
  var caches: [Step: CacheRows] = [:]
  /// The rows of the cache that the step which is being replayed reads.
  private(set) var readRows: [Estimate] = []
  /// Records that were read once and could not be read again, in the order in which that was found.
  private(set) var lostRecords: [RecordKey] = []
  /// Memory for the results of a step.
  private var outputs = Replay.BulkSums()

  /// What the replay of one record gives.
  enum Outcome: Sendable {
    /// Rounding explains the record.
    case rounding(Explanation.Finding)
    /// The operation could be replayed: how the record compares; the context holds both.
    indirect case replayed(Explanation.Finding, CauseContext)
    /// It could not; why.
    case unchecked(String)
    /// The record cannot be what it says: damaged, or of another shape; how.
    case malformed(reason: String, detail: String)

    /// Whether this is all that there is to say.
    var isSettled: Bool { if case .replayed = self { false } else { true } }
  }

  /// Number of positions, recorded or not, that a replay goes through.
  var positionCount: Int { recorded.positionCount }
  /// The first record beyond the model's context, which is not replayed; nil where there is none.
  var firstBeyond: RecordKey? { recorded.firstBeyond }

  /// - Parameter keepsContexts: whether every record is wanted with its context, not only those that rounding does not
  ///   explain.
  init(_ model: ReplayModel, keepsContexts: Bool = false, limits: Limits = Limits()) {
    self.model = model
    self.keepsContexts = keepsContexts
    self.limits = limits
    let layers = model.sizes.layerCount
    steps = ReplayPlan.steps(layerCount: layers, quantized: model.isQuantized)
    recorded = RecordedSteps(model.tensors, context: model.sizes.sequenceLength, blockSize: Self.blockSize)
    let anywhere = recorded.anywhere
    cachedSteps =
      ReplayPlan(
        steps, layerCount: layers, quantized: model.isQuantized, cached: [], isRecorded: { anywhere.contains($0) },
        isComplete: { _ in false }
      ).cached
    let operations = Site.all(quantized: model.isQuantized).map { $0.operation(quantized: model.isQuantized) }
    readSites = Set(
      operations.flatMap(\.inputs).flatMap { input in
        if case .below(_, let first) = input { [input.site, first] } else { [input.site] }
      })
  }

  /// Replays everything.
  ///
  /// Most traces are honest, so many positions are surveyed at once, and only where rounding does not explain a record
  /// they are replayed again, block by block, to hand over contexts. The order of records is the same.
  ///
  /// - Parameters:
  ///   - end: the position before which to stop; nil replays all.
  ///   - progress: called after each block with the number of positions done.
  ///   - body: called for every record of the table's sites, in an order in which inputs precede outputs.
  mutating func run(before end: Int? = nil, progress: (Int) -> Void = { _ in }, _ body: (RecordKey, Outcome) -> Void) {
    let blocks = recorded.blocks.filter { $0.lowerBound < end ?? Int.max }
    for several in adjacent(blocks) {
      let start = several[0].lowerBound
      if !keepsContexts, several.count > 1, let settled = survey(start..<several[several.count - 1].upperBound) {
        for block in several {
          for results in settled { results.handOver(block, body) }
          progress(block.upperBound)
        }
        continue
      }
      for key in caches.keys { caches[key]?.truncate(to: start) }
      for block in several {
        for step in needed(block) { perform(step, block).handOver(block, body) }
        progress(block.upperBound)
      }
    }
  }

  /// Blocks without gaps between them, as many as may be surveyed at once.
  private func adjacent(_ blocks: [Range<Int>]) -> [[Range<Int>]] {
    let width = max(model.sizes.vocabularySize, 2 * model.sizes.headCount * positionCount)
    let limit = max(1, min(limits.surveySize, limits.surveyBytes / (32 * width)) / Self.blockSize)
    return blocks.reduce(into: []) { result, block in
      if let last = result.last, last.count < limit, last[last.count - 1].upperBound == block.lowerBound {
        result[result.count - 1].append(block)
      } else {
        result.append([block])
      }
    }
  }

  /// Replays positions at once; nil as soon as there is more to say of a record.
  private mutating func survey(_ positions: Range<Int>) -> [StepResults]? {
    var settled: [StepResults] = []
    for step in needed(positions) {
      let results = perform(step, positions)
      guard results.outcomes.allSatisfy({ $0?.isSettled ?? true }) else { return nil }
      settled.append(results)
    }
    return settled
  }

  /// The steps that positions need, in order.
  private func needed(_ positions: Range<Int>) -> [Step] {
    let block = recorded.block(positions)
    let plan = ReplayPlan(
      steps, layerCount: model.sizes.layerCount, quantized: model.isQuantized, cached: cachedSteps,
      isRecorded: { (block[$0] ?? 0) > 0 }, isComplete: { (block[$0] ?? 0) == positions.count })
    return steps.filter(plan.needed.contains)
  }

  /// What there is to say of a step's records.
  private struct StepResults {
    let step: Step
    let positions: Range<Int>
    /// One per position; nil where nothing was recorded.
    let outcomes: [Outcome?]

    func handOver(_ block: Range<Int>, _ body: (RecordKey, Outcome) -> Void) {
      for position in block {
        guard let outcome = outcomes[position - positions.lowerBound] else { continue }
        body(RecordKey(step.site, layer: step.layer, position: position), outcome)
      }
    }
  }

  private mutating func perform(_ step: Step, _ positions: Range<Int>) -> StepResults {
    readRows = readCache(of: step, before: positions.upperBound)
    var outputs = Replay.BulkSums()
    swap(&outputs, &self.outputs)
    let rows = rows(step, positions, &outputs)
    self.outputs = outputs
    if readSites.contains(step.site) { current[step.site] = rows.map(\.result) }
    // Behind a gap in the positions nothing is known of what came before, so the cache ends there.
    if step.site.isCached, caches[step]?.count ?? 0 == positions.lowerBound {
      caches[step, default: CacheRows(step)].append(rows)
    }
    readRows = []
    return StepResults(step: step, positions: positions, outcomes: rows.map(\.outcome))
  }

  /// The known rows before a position of the cache that a step reads; none where it reads none.
  private mutating func readCache(of step: Step, before end: Int) -> [Estimate] {
    for input in step.site.operation(quantized: model.isQuantized).inputs {
      guard case .cached = input else { continue }
      let source = input.source(layer: step.layer, layerCount: model.sizes.layerCount)
      guard let read = caches[Step(site: source.site, layer: source.layer)]?.known(before: end, model.tensors) else {
        return []
      }
      if let key = read.lost { lostRecords.append(key) }
      return read.rows
    }
    return []
  }

  /// One step at one position: what later steps compute with, and what there is to say of its record.
  struct Row: Sendable {
    /// The recorded values, or the estimate where there are none; nil where neither is known, or nothing reads it.
    var result: Estimate?
    /// Whether the result is what was recorded.
    var isRecorded = false
    /// nil where nothing was recorded.
    var outcome: Outcome?
  }

  /// Compares an estimate with what was recorded. The estimate is lent; without one, both spans are empty.
  func row(
    _ step: Step, _ position: Int, _ inputs: Inputs, isKnown: Bool, values: Span<Double>, errors: Span<Double>
  ) -> Row {
    let key = RecordKey(step.site, layer: step.layer, position: position)
    let isBlind = isKnown && !inputs.isExact && Estimate.isTooWide(values, errors)
    let isRead = readSites.contains(step.site)
    func estimate() -> Estimate? { isKnown && !isBlind && isRead ? Estimate(copying: values, errors) : nil }
    do throws(TraceError) {
      let row = try model.tensors.trace.withRecord(key) { record -> Row in
        guard isWellFormed(record) else {
          return Row(
            result: estimate(),
            outcome: .malformed(
              reason: "of another shape than the site has in this model",
              detail: "its shape is \(record.shape), and the model's is \(shape(key))"))
        }
        let result = isRead ? RecordedTensor(record).estimate : nil
        guard isKnown else {
          return Row(result: result, isRecorded: isRead, outcome: .unchecked(inputs.missing ?? "an input is missing"))
        }
        guard !isBlind else {
          let reason = "too much between it and the nearest recorded tensors was not recorded to prove anything"
          return Row(result: result, isRecorded: isRead, outcome: .unchecked(reason))
        }
        guard !Estimate.isUnbounded(errors) else {
          let reason = "what it is computed from leaves the range of float32, where honest results differ"
          return Row(result: result, isRecorded: isRead, outcome: .unchecked(reason))
        }
        let judgement = Judgement(record, values: values, errors: errors)
        let finding = Explanation.Finding(
          key: key, shape: record.shape, type: record.elementType, judgement: judgement)
        guard keepsContexts || !judgement.isRounding else {
          return Row(result: result, isRecorded: isRead, outcome: .rounding(finding))
        }
        let context = CauseContext(
          replay: model, site: step.site, layer: step.layer, position: position, inputs: inputs.values,
          actual: RecordedTensor(record), expected: Estimate(copying: values, errors), cache: cache(inputs, position))
        return Row(result: result, isRecorded: isRead, outcome: .replayed(finding, context))
      }
      return row ?? Row(result: estimate())
    } catch {
      return Row(result: estimate(), outcome: .malformed(reason: "damaged", detail: error.description))
    }
  }

  /// Whether a record has the site's elements in the site's order. A vector may be recorded as rows of heads.
  func isWellFormed(_ record: RecordView) -> Bool {
    let key = record.key
    guard let site = key.name.site, (key.layer == nil) == (site.scope != .layer) else { return false }
    let sizes = model.sizes
    if let length = sizes.length(of: site, groupSize: model.weights.groupSize) {
      return record.elementCount == length
    }
    let isTransposed = record.shape.rank > 1 && record.shape.dimensions[0] != sizes.headCount
    return record.elementCount == sizes.headCount * (key.position + 1) && !isTransposed
  }

  /// The site's shape in words.
  private func shape(_ key: RecordKey) -> String {
    let sizes = model.sizes
    guard let site = key.name.site else { return "unknown" }
    return sizes.length(of: site, groupSize: model.weights.groupSize).map { "\($0)" }
      ?? "\(sizes.headCount) x \(key.position + 1)"
  }
}
