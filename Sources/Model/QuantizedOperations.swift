public import TraceFormat

/// llama2.c's `runq`: activations are quantized before each matrix product, and products are taken of int8 values. All
/// else is `run`'s arithmetic.
public struct QuantizedOperations: Operations {
  private let base: Llama2Operations<Float>

  /// Operations on a number of threads.
  public init(threads: Int = 1) { self.init(ThreadTeam(threads: threads)) }

  /// Operations on a team of threads.
  package init(_ team: ThreadTeam) { base = Llama2Operations(team) }

  /// Computes a site for the current block of positions.
  public func perform(_ site: Site, layer: Int, _ state: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    let count = state.count
    switch site {
    case .attentionNormValues, .attentionValues, .ffnNormValues:
      quantizeRows(&state.xq, &state.xs, state.xb, model, count)
    case .swigluValues: quantizeRows(&state.hq, &state.hs, state.hb, model, count)
    case .finalNormValues: quantizeRows(&state.xq, &state.xs, state.x, model, count)
    // Scales are computed with their values and stand behind them in the order of execution.
    case .attentionNormScales, .attentionScales, .ffnNormScales, .swigluScales, .finalNormScales: break

    case .queryProjection: project(&state.q, model.matrix(.wq, layer: layer), state.xq, state.xs, &state.widened, count)
    case .keyProjection: project(&state.k, model.matrix(.wk, layer: layer), state.xq, state.xs, &state.widened, count)
    case .valueProjection: project(&state.v, model.matrix(.wv, layer: layer), state.xq, state.xs, &state.widened, count)
    case .outputProjection:
      project(&state.xb2, model.matrix(.wo, layer: layer), state.xq, state.xs, &state.widened, count)
    case .gateProjection: project(&state.hb, model.matrix(.w1, layer: layer), state.xq, state.xs, &state.widened, count)
    case .upProjection: project(&state.hb2, model.matrix(.w3, layer: layer), state.xq, state.xs, &state.widened, count)
    case .downProjection: project(&state.xb, model.matrix(.w2, layer: layer), state.hq, state.hs, &state.widened, count)
    case .logits: project(&state.logits, model.matrix(.classifier), state.xq, state.xs, &state.widened, count)

    default: base.perform(site, layer: layer, &state, model)
    }
  }

  private func quantizeRows(
    _ values: inout Matrix<Int8>, _ scales: inout Matrix<Float>, _ x: Matrix<Float>, _ model: borrowing Checkpoint,
    _ count: Int
  ) {
    guard let groupSize = model.groupSize else { preconditionFailure("int8 operations need an int8 checkpoint") }
    forEachRow(of: &values, and: &scales, count: count, base.team, costPerRow: 8 * x.columns) { valueRow, scaleRow, r in
      quantize(&valueRow, &scaleRow, x.row(r), groupSize: groupSize)
    }
  }

  private func project(
    _ output: inout Matrix<Float>, _ weights: WeightMatrix, _ values: Matrix<Int8>, _ scales: Matrix<Float>,
    _ widened: inout WidenedBlock, _ count: Int
  ) {
    guard case .int8(let matrix) = weights else { preconditionFailure("int8 operations need int8 weights") }
    multiply(&output, matrix, values: values, scales: scales, count: count, widened: &widened, base.team)
  }
}
