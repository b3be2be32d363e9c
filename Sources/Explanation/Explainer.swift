import Model
import TraceFormat

/// Explains a trace: replays it with its checkpoint, judges every record, and looks for the causes of what rounding cannot
/// explain. One pass over the trace; memory does not grow with it but for the cache of keys and values.
package struct Explainer {
  private let replayModel: ReplayModel
  private let tensors: RecordedTensors
  private var investigations: [Site: Investigation] = [:]
  private var expected: ExpectedReader?
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
    let precision = header[text: .precision]
    let isQuantized =
      model.groupSize != nil && precision != RunPlan.Precision.float64.rawValue
      && precision != RunPlan.Precision.float32.rawValue
    let epsilon = header[real: .normEpsilon] ?? Constants.normEpsilon
    let base = header[real: .ropeBase] ?? Constants.ropeBase
    replayModel = ReplayModel(
      tensors: tensors, weights: model, isQuantized: isQuantized, epsilon: epsilon, base: base,
      tokens: tensors.trace.tokens.mapValues(\.id))
    result.producer = header.producer
    result.isQuantized = isQuantized
    result.tokens = tensors.trace.tokens
    result.headSize = model.configuration.headSize
    if epsilon != Constants.normEpsilon {
      result.notes.append(
        "RMSNorm is replayed with the trace's epsilon \(epsilon), not llama2.c's \(Constants.normEpsilon)")
    }
    if base != Constants.ropeBase {
      result.notes.append("RoPE is replayed with the trace's base \(base), not llama2.c's \(Constants.ropeBase)")
    }
    if header[bytes: .checkpointFingerprint] == nil {
      result.notes.append("the trace does not say which checkpoint it was made from")
    }
    for problem in tensors.trace.problems { result.problems.append(problem.description) }
    if result.problems.isEmpty, !tensors.trace.isComplete { result.problems.append("the trace is cut short") }
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
    var replay = TraceReplay(replayModel)
    let total = replay.positionCount
    replay.run(progress: { progress($0, total) }) { key, outcome in
      switch outcome {
      case .replayed(let judgement, let context): take(key, judgement, context)
      case .unchecked(let reason): takeUnchecked(key, reason)
      case .damaged(let error):
        takeUnchecked(key, "damaged")
        result.problems.append("\(key): \(error)")
      }
    }
    for (site, investigation) in investigations {
      result.faults.append(investigation.finish(checked: result.sites[site]?.records ?? 0))
    }
    result.faults.sort { $0.first.key < $1.first.key }
    result.expected = expected?.split
    return result
  }

  private mutating func take(_ key: RecordKey, _ judgement: Judgement, _ context: CauseContext) {
    let tensor = context.actual
    expected?.take(key, tensor, context.expected, isFaulty: !judgement.isRounding)
    let finding = Explanation.Finding(key: key, shape: tensor.shape, type: tensor.type, judgement: judgement)
    var summary = result.sites[context.site] ?? Explanation.SiteSummary()
    summary.records += 1
    summary.elements += tensor.values.count
    if judgement.isRounding {
      if summary.worst.map({ judgement.ratio > $0.judgement.ratio }) ?? true { summary.worst = finding }
      let place = Explanation.SiteSummary.limits.firstIndex { judgement.ratio <= $0 } ?? 4
      summary.distribution[place] += 1
    } else if investigations[context.site] == nil {
      investigations[context.site] = Investigation(context, finding)
    } else {
      investigations[context.site]?.take(context, finding)
    }
    result.sites[context.site] = summary
  }

  private mutating func takeForeignNames() {
    for place in 0..<tensors.trace.recordCount {
      let key = tensors.trace.key(at: place)
      guard let site = key.name.site else {
        takeUnchecked(key, "not a site of the table")
        do throws(TraceError) { _ = try tensors.tensor(key) } catch { result.problems.append("\(key): \(error)") }
        continue
      }
      if site.isQuantizedOnly && !replayModel.isQuantized {
        takeUnchecked(key, "a site of int8 runs, and this run does not quantize")
      } else if (key.layer == nil) == (site.scope == .layer) || key.layer ?? 0 >= replayModel.sizes.layerCount {
        takeUnchecked(key, "the model has no such site at this layer")
      }
    }
  }

  private mutating func takeUnchecked(_ key: RecordKey, _ reason: String) {
    let place =
      result.unchecked.firstIndex { $0.name == key.name && $0.reason == reason }
      ?? {
        result.unchecked.append(
          Explanation.Unchecked(name: key.name, reason: reason, first: key, positions: key.position...key.position))
        return result.unchecked.count - 1
      }()
    result.unchecked[place].records += 1
    if let layer = key.layer { result.unchecked[place].layers.insert(layer) }
    let range = result.unchecked[place].positions
    result.unchecked[place].positions = min(range.lowerBound, key.position)...max(range.upperBound, key.position)
  }
}

/// Why a trace cannot be explained with a checkpoint.
package enum ExplainerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A size differs.
  case otherSizes(isExpected: Bool, field: String, trace: Int, checkpoint: Int)
  /// The weights differ.
  case otherCheckpoint(isExpected: Bool, trace: String, checkpoint: String)

  /// Whether the expected trace is meant.
  package var isAboutExpected: Bool {
    switch self {
    case .otherSizes(let isExpected, _, _, _), .otherCheckpoint(let isExpected, _, _): isExpected
    }
  }

  /// One line in lower case.
  package var description: String {
    switch self {
    case .otherSizes(let isExpected, let field, let trace, let checkpoint):
      "the \(isExpected ? "expected " : "")trace was made from another model: \(field) is \(trace) in the trace and "
        + "\(checkpoint) in the checkpoint"
    case .otherCheckpoint(let isExpected, let trace, let checkpoint):
      "the \(isExpected ? "expected " : "")trace was made from another checkpoint: it says fingerprint "
        + "\(visibleText(trace.utf8)), and the checkpoint has \(checkpoint)"
    }
  }
}
