import Model
import TraceFormat
import TraceSources

/// Whether a run quantizes what goes into its products: what its header says, else what it recorded, else what explains
/// it.
struct Quantization {
  let isQuantized: Bool
  /// What a reader should know of how it was decided.
  private(set) var note: String?

  init(_ tensors: RecordedTensors, _ model: ModelWeights, _ constants: (epsilon: Double, base: Double)) {
    guard model.groupSize != nil else {
      isQuantized = false
      return
    }
    var recordsQuantized = false
    for place in 0..<tensors.trace.recordCount where tensors.trace.key(at: place).name.site?.isQuantizedOnly ?? false {
      recordsQuantized = true
      break
    }
    switch tensors.trace.header[text: .precision] {
    case RunPlan.Precision.float32.rawValue?, RunPlan.Precision.float64.rawValue?:
      isQuantized = recordsQuantized
      if recordsQuantized {
        note =
          "the header says that nothing is quantized, but quantized activations are recorded: judged as an int8 run"
      }
    case .some: isQuantized = true
    case nil where recordsQuantized: isQuantized = true
    case nil:
      func faults(_ isQuantized: Bool) -> Int {
        let replayModel = ReplayModel(
          tensors: tensors, weights: model, isQuantized: isQuantized, epsilon: constants.epsilon, base: constants.base,
          tokens: tensors.trace.tokens.mapValues(\.id))
        var replay = TraceReplay(replayModel)
        var count = 0
        replay.run(before: TraceReplay.blockSize) { _, outcome in
          if case .replayed(let finding, _) = outcome, !finding.judgement.isRounding { count += 1 }
        }
        return count
      }
      isQuantized = faults(true) <= faults(false)
      note =
        "the header does not say whether activations are quantized: judged as "
        + (isQuantized ? "an int8 run" : "a float run of dequantized weights") + ", which explains more of the trace"
    }
  }
}
