import TraceFormat

/// The forward pass: walks the site table, performs each site and lets an observer see it.
///
/// There is one forward pass. What a run computes is chosen by its `Operations`; who watches, by its observer.
public struct Transformer<Ops: Operations>: ~Copyable {
  /// The buffers, and the cache of keys and values.
  public private(set) var state: ForwardState<Ops.Scalar>
  private let operations: Ops
  private let sites: [Site]

  /// A transformer at position 0.
  ///
  /// - Parameters:
  ///   - capacity: the most positions the run will have; at most the model's context.
  ///   - blockSize: the most positions of one call of `forward`.
  ///   - quantized: whether activations are quantized, as `QuantizedOperations` does.
  public init(
    _ model: borrowing Checkpoint, operations: Ops, capacity: Int, blockSize: Int = 1, quantized: Bool
  ) {
    let configuration = model.configuration
    precondition((1...configuration.sequenceLength).contains(capacity), "a run has 1 to seq_len positions")
    self.operations = operations
    sites = Site.all(quantized: quantized)
    state = ForwardState(
      configuration, capacity: capacity, blockSize: blockSize, groupSize: quantized ? model.groupSize : nil)
  }

  /// Computes the next positions, one per token, up to their logits.
  ///
  /// - Parameters:
  ///   - tokens: ids below the vocabulary's size; at most a block.
  ///   - position: the position of the first; all earlier positions have been computed.
  /// - Throws: what the observer throws.
  public mutating func forward<Observer: ForwardObserver & ~Copyable>(
    _ tokens: [Int], at position: Int, model: borrowing Checkpoint, observer: inout Observer
  ) throws(Observer.Failure) {
    state.begin(tokens, at: position)
    for (token, position) in zip(tokens, state.positions) { try observer.begin(position: position, token: token) }
    for site in sites where site.scope == .before { try step(site, nil, model, &observer) }
    for layer in 0..<model.configuration.layerCount {
      for site in sites where site.scope == .layer { try step(site, layer, model, &observer) }
    }
    for site in sites where site.scope == .after { try step(site, nil, model, &observer) }
    try observer.endBlock()
  }

  private mutating func step<Observer: ForwardObserver & ~Copyable>(
    _ site: Site, _ layer: Int?, _ model: borrowing Checkpoint, _ observer: inout Observer
  ) throws(Observer.Failure) {
    operations.perform(site, layer: layer ?? 0, &state, model)
    guard state.positions.contains(where: { observer.wants(site, layer: layer, position: $0) }) else { return }
    let positions = state.positions
    func show<Element: TraceElement>(_ buffer: Matrix<Element>) throws(Observer.Failure) {
      try observer.observe(site, layer: layer, positions: positions, buffer.view(rows: 0..<positions.count))
    }
    switch site {
    case .embedding, .attentionResidual, .ffnResidual, .finalNorm: try show(state.x)
    case .attentionNorm, .attention, .ffnNorm, .downProjection: try show(state.xb)
    case .outputProjection: try show(state.xb2)
    case .queryProjection, .queryRotation: try show(state.q)
    case .keyProjection, .keyRotation: try show(state.k)
    case .valueProjection: try show(state.v)
    case .attentionScores, .attentionWeights:
      // Rows differ in length from position to position, so each is observed alone.
      for (r, position) in positions.enumerated() {
        let elements = state.att.elements(r)
        let row = MatrixView(elements, rows: 1, columns: elements.count)
        try observer.observe(site, layer: layer, positions: position..<(position + 1), row)
      }
    case .gateProjection, .swiglu: try show(state.hb)
    case .upProjection: try show(state.hb2)
    case .logits: try show(state.logits)
    case .attentionNormValues, .attentionValues, .ffnNormValues, .finalNormValues: try show(state.xq)
    case .attentionNormScales, .attentionScales, .ffnNormScales, .finalNormScales: try show(state.xs)
    case .swigluValues: try show(state.hq)
    case .swigluScales: try show(state.hs)
    }
  }
}
