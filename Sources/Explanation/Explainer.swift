import Model
import TraceComparison
import TraceFormat
import TraceSources

/// Explains a trace: replays it with its checkpoint, judges every record, and looks for the causes of what rounding
/// cannot explain. One pass over the trace; of what grows with the trace it holds one layer's keys and values, and
/// those that were not recorded.
package struct Explainer {
  private let replayModel: ReplayModel
  private let tensors: RecordedTensors
  private var investigations: [Site: Investigation] = [:]
  private var through: [Site: [Site]] = [:]
  private var uncheckedPlaces: [UncheckedKey: Int] = [:]
  private var expected: ExpectedReader?

  private struct UncheckedKey: Hashable {
    let name: TensorName
    let reason: String
  }
  private var result = Explanation()

  /// An explainer of a trace that was made from a checkpoint.
  ///
  /// - Throws: `ExplainerError` when the trace's header says that it was made from another.
  /// - Parameter expected: a reference's trace, to split errors into inherited and local ones.
  package init(
    _ tensors: RecordedTensors, model: ModelWeights, expected: RecordedTensors? = nil
  ) throws(ExplainerError) {
    self.tensors = tensors
    let header = tensors.trace.header
    try Self.check(header, model, isExpected: false)
    if let expected { self.expected = try ExpectedReader(expected, actual: tensors, model) }
    let constants = try Self.constants(header)
    let quantization = Quantization(tensors, model, constants)
    replayModel = ReplayModel(
      tensors: tensors, weights: model, isQuantized: quantization.isQuantized, epsilon: constants.epsilon,
      base: constants.base, tokens: tensors.trace.tokens.mapValues(\.id))
    result.producer = header.producer
    result.isQuantized = quantization.isQuantized
    result.tokens = tensors.trace.tokens
    result.headSize = model.configuration.headSize
    if let note = quantization.note { result.notes.append(note) }
    if Float(constants.epsilon) != Float(Constants.normEpsilon) {
      result.constants.append("RMSNorm epsilon \(constants.epsilon) instead of llama2.c's \(Constants.normEpsilon)")
    }
    if Float(constants.base) != Float(Constants.ropeBase) {
      result.constants.append("RoPE base \(constants.base) instead of llama2.c's \(Constants.ropeBase)")
    }
    if header[bytes: .checkpointFingerprint] == nil {
      result.notes.append("the trace does not say which checkpoint it was made from")
    }
    let vocabulary = 0..<model.configuration.vocabularySize
    let foreign = tensors.trace.tokens.filter { !vocabulary.contains($0.value.id) }.min { $0.key < $1.key }
    if let (position, token) = foreign {
      result.problems.append(
        "token \(token.id) at position \(position) is outside the vocabulary of \(vocabulary.count)")
    }
    for problem in tensors.trace.problems { result.problems.append(problem.description) }
    if result.problems.isEmpty, !tensors.trace.isComplete { result.problems.append("the trace is cut short") }
  }

  /// The constants that the trace's header gives, or llama2.c's.
  private static func constants(_ header: TraceHeader) throws(ExplainerError) -> (epsilon: Double, base: Double) {
    let epsilon = header[real: .normEpsilon] ?? Constants.normEpsilon
    let base = header[real: .ropeBase] ?? Constants.ropeBase
    guard epsilon.isFinite, epsilon >= 0 else { throw .invalidConstant(.normEpsilon, epsilon) }
    guard base.isFinite, base > 0 else { throw .invalidConstant(.ropeBase, base) }
    return (epsilon, base)
  }

  /// Whether a trace was made from a checkpoint, as far as its header tells.
  static func check(_ header: TraceHeader, _ model: ModelWeights, isExpected: Bool) throws(ExplainerError) {
    let sizes = model.configuration
    let own: [(HeaderField, Int)] = [
      (.dim, sizes.dim), (.hiddenDim, sizes.hiddenDim), (.layerCount, sizes.layerCount), (.headCount, sizes.headCount),
      (.keyValueHeadCount, sizes.keyValueHeadCount), (.vocabularySize, sizes.vocabularySize),
    ]
    for (field, size) in own {
      if let other = header[integer: field], other != size {
        throw .otherSizes(isExpected: isExpected, field: field.rawValue, trace: other, checkpoint: size)
      }
    }
    if let fingerprint = header[text: .checkpointFingerprint] {
      let own = String(model.fingerprint, radix: 16)
      let padded = String(repeating: "0", count: 16 - own.count) + own
      guard fingerprint == padded else {
        throw .otherCheckpoint(isExpected: isExpected, trace: fingerprint, checkpoint: padded)
      }
    }
  }

  /// Explains the trace.
  ///
  /// - Parameter progress: called from time to time with the number of positions done and of all.
  package consuming func explain(progress: (Int, Int) -> Void = { _, _ in }) -> Explanation {
    takeForeignNames()
    var replay = TraceReplay(replayModel, keepsContexts: expected != nil)
    let total = replay.positionCount
    if let key = replay.firstBeyond {
      result.problems.append("\(key) lies beyond the model's context of \(replayModel.sizes.sequenceLength)")
    }
    replay.run(progress: { progress($0, total) }) { key, outcome in
      switch outcome {
      case .rounding(let finding): take(finding, nil)
      case .replayed(let finding, let context): take(finding, context)
      case .unchecked(let reason): takeUnchecked(key, reason)
      case .malformed(let reason, let detail):
        takeUnchecked(key, reason)
        result.problems.append("\(key): \(detail)")
      }
    }
    for key in replay.lostRecords {
      result.problems.append("\(key) was read once and cannot be read again: the file has been changed since")
    }
    for (site, investigation) in investigations {
      var fault = investigation.finish(checked: result.sites[site]?.records ?? 0)
      fault.through = through[site] ?? []
      result.faults.append(fault)
    }
    result.faults.sort { $0.first.key < $1.first.key }
    result.expected = expected?.split
    return result
  }

  /// Takes a record that was judged, with its context where rounding does not explain it or a reference is there.
  private mutating func take(_ finding: Explanation.Finding, _ context: CauseContext?) {
    let (key, judgement) = (finding.key, finding.judgement)
    guard let site = key.name.site else { return }
    if let context { expected?.take(key, context.actual, context.expected, isFaulty: !judgement.isRounding) }
    if judgement.unbounded > 0 {
      takeUnchecked(
        key, "computed from what leaves the range of float32 or is not a number, where honest results differ",
        elements: judgement.unbounded)
    }
    result.sites[site, default: Explanation.SiteSummary()].take(finding)
    guard !judgement.isRounding, let context else { return }
    if investigations[site] == nil {
      investigations[site] = Investigation(context, finding)
      through[site] = unrecordedInputs(context)
    } else {
      investigations[site]?.take(context, finding)
    }
  }

  private mutating func takeForeignNames() {
    for place in 0..<tensors.trace.recordCount {
      let key = tensors.trace.key(at: place)
      guard let site = key.name.site else {
        takeUnchecked(key, "not a site of the table")
        do throws(TraceError) { _ = try tensors.trace.withRecord(key) { _ in } } catch {
          result.problems.append("\(key): \(error)")
        }
        continue
      }
      if site.isQuantizedOnly && !replayModel.isQuantized {
        takeUnchecked(key, "a site of int8 runs, and this run does not quantize")
      } else if key.position >= replayModel.sizes.sequenceLength {
        takeUnchecked(key, "beyond the model's context")
      } else if (key.layer == nil) == (site.scope == .layer) || key.layer ?? 0 >= replayModel.sizes.layerCount {
        takeUnchecked(key, "the model has no such site at this layer")
      }
    }
  }

  private mutating func takeUnchecked(_ key: RecordKey, _ reason: String, elements: Int? = nil) {
    let own = UncheckedKey(name: key.name, reason: reason)
    let place = uncheckedPlaces[own] ?? result.unchecked.count
    if place == result.unchecked.count {
      uncheckedPlaces[own] = place
      result.unchecked.append(
        Explanation.Unchecked(name: key.name, reason: reason, first: key, positions: key.position...key.position))
    }
    result.unchecked[place].records += 1
    if let elements { result.unchecked[place].elements = (result.unchecked[place].elements ?? 0) + elements }
    if let layer = key.layer { result.unchecked[place].layers.insert(layer) }
    let range = result.unchecked[place].positions
    result.unchecked[place].positions = min(range.lowerBound, key.position)...max(range.upperBound, key.position)
  }

  /// The sites between a record and the nearest recorded tensors that it was carried from, in the order of execution.
  private func unrecordedInputs(_ context: CauseContext) -> [Site] {
    var found: Set<Site> = []
    var open = [Step(site: context.site, layer: context.layer)]
    while let step = open.popLast() {
      for input in step.site.operation(quantized: replayModel.isQuantized).inputs {
        let source = input.source(layer: step.layer, layerCount: replayModel.sizes.layerCount)
        let key = RecordKey(source.site, layer: source.layer, position: context.position)
        guard !tensors.contains(key), found.insert(source.site).inserted else { continue }
        open.append(Step(site: source.site, layer: source.layer))
      }
    }
    return found.sorted { RecordKey($0, layer: nil, position: 0).name < RecordKey($1, layer: nil, position: 0).name }
  }
}
