public import TraceFormat

/// The arithmetic of the forward pass: one method that computes one site from the buffers before it.
///
/// `Transformer` calls it for every site in the order of the site table. A variant (int8 products, a planted fault, another
/// order of summation) wraps `Llama2Operations`, computes the sites it changes, and passes the others on.
public protocol Operations<Scalar>: Sendable {
  /// The number format of the activations.
  associatedtype Scalar: Real

  /// Computes a site for the current block of positions.
  ///
  /// - Parameter layer: 0 for sites outside the layers.
  func perform(_ site: Site, layer: Int, _ state: inout ForwardState<Scalar>, _ model: borrowing Checkpoint)
}

/// llama2.c's `run` in its order of arithmetic, in float32 or float64. int8 weights are dequantized as they are used.
public struct Llama2Operations<Scalar: Real>: Operations {
  /// Threads that share the rows of a matrix product; the bits do not depend on it.
  public let threads: Int

  /// Operations on a number of threads.
  public init(threads: Int = 1) { self.threads = threads }

  /// Computes a site for the current block of positions.
  ///
  /// Callers in other modules know the number format only at run time, so both are compiled here, kernels included.
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  public func perform(_ site: Site, layer: Int, _ state: inout ForwardState<Scalar>, _ model: borrowing Checkpoint) {
    let sizes = model.configuration
    switch site {
    case .embedding: embedTokens(&state, model)

    case .attentionNorm: normalize(&state.xb, state.x, model.vector(.attentionNorm, layer: layer), state.count)
    case .queryProjection: project(&state.q, model.matrix(.wq, layer: layer), state.xb, state.count)
    case .keyProjection: project(&state.k, model.matrix(.wk, layer: layer), state.xb, state.count)
    case .valueProjection: project(&state.v, model.matrix(.wv, layer: layer), state.xb, state.count)
    case .queryRotation: rotateHeads(&state.q, state.positions, sizes)
    case .keyRotation: rotateHeads(&state.k, state.positions, sizes)
    case .attentionScores:
      // Only now do the block's keys and values enter the cache, so that their observer comes first.
      store(&state.keyCache, layer: layer, state.k, state.positions)
      store(&state.valueCache, layer: layer, state.v, state.positions)
      scoreHeads(&state.att, state.q, state.keyCache, layer: layer, state.positions, sizes)
    case .attentionWeights: softmaxHeads(&state.att, state.count, sizes)
    case .attention: attendHeads(&state.xb, state.att, state.valueCache, layer: layer, state.count, sizes)
    case .outputProjection: project(&state.xb2, model.matrix(.wo, layer: layer), state.xb, state.count)
    case .attentionResidual: addRows(&state.x, state.xb2, state.count)

    case .ffnNorm: normalize(&state.xb, state.x, model.vector(.ffnNorm, layer: layer), state.count)
    case .gateProjection: project(&state.hb, model.matrix(.w1, layer: layer), state.xb, state.count)
    case .upProjection: project(&state.hb2, model.matrix(.w3, layer: layer), state.xb, state.count)
    case .swiglu: gateRows(&state.hb, state.hb2, state.count)
    case .downProjection: project(&state.xb, model.matrix(.w2, layer: layer), state.hb, state.count)
    case .ffnResidual: addRows(&state.x, state.xb, state.count)

    case .finalNorm:
      let x = state.x
      normalize(&state.x, x, model.vector(.finalNorm), state.count)
    case .logits: project(&state.logits, model.matrix(.classifier), state.x, state.count)

    default: preconditionFailure("\(site.rawValue) exists in int8 runs only")
    }
  }

  private func embedTokens(_ state: inout ForwardState<Scalar>, _ model: borrowing Checkpoint) {
    for r in 0..<state.count {
      let token = state.tokens[r]
      var row = state.x.mutableRow(r)
      embed(&row, table: model.matrix(.tokenEmbedding), token: token)
    }
  }

  private func normalize(_ output: inout Matrix<Scalar>, _ x: Matrix<Scalar>, _ weight: Span<Float>, _ count: Int) {
    for r in 0..<count {
      var row = output.mutableRow(r)
      rmsNorm(&row, x.row(r), weight: weight, epsilon: Scalar(Constants.normEpsilon))
    }
  }

  private func project(_ output: inout Matrix<Scalar>, _ weights: WeightMatrix, _ input: Matrix<Scalar>, _ count: Int) {
    for r in 0..<count {
      var row = output.mutableRow(r)
      inParallel(&row, threads: threads, costPerElement: weights.columns) { part, rows in
        switch weights {
        case .float32(let matrix): multiply(&part, matrix, input.row(r), rows: rows)
        case .int8(let matrix): multiplyDequantized(&part, matrix, input.row(r), rows: rows)
        }
      }
    }
  }

  private func rotateHeads(_ vectors: inout Matrix<Scalar>, _ positions: Range<Int>, _ sizes: Configuration) {
    for (r, position) in positions.enumerated() {
      var row = vectors.mutableRow(r)
      rotate(&row, position: position, headSize: sizes.headSize, base: Scalar(Constants.ropeBase))
    }
  }

  private func store(
    _ cache: inout PositionCache<Scalar>, layer: Int, _ rows: Matrix<Scalar>, _ positions: Range<Int>
  ) {
    for (r, position) in positions.enumerated() {
      var row = cache.mutableRow(layer: layer, position: position)
      copy(&row, rows.row(r))
    }
  }

  private func scoreHeads(
    _ att: inout AttentionBuffer<Scalar>, _ queries: Matrix<Scalar>, _ keys: PositionCache<Scalar>,
    layer: Int, _ positions: Range<Int>, _ sizes: Configuration
  ) {
    for (r, position) in positions.enumerated() {
      att.setLength(position + 1, blockRow: r)
      for head in 0..<sizes.headCount {
        var scores = att.mutableRow(r, head: head)
        attentionScores(
          &scores, query: queries.row(r).extracting(sizes.columns(ofHead: head)), keys: keys.layer(layer),
          columns: sizes.keyValueColumns(ofHead: head))
      }
    }
  }

  private func softmaxHeads(_ att: inout AttentionBuffer<Scalar>, _ count: Int, _ sizes: Configuration) {
    for r in 0..<count {
      for head in 0..<sizes.headCount {
        var row = att.mutableRow(r, head: head)
        softmax(&row)
      }
    }
  }

  private func attendHeads(
    _ xb: inout Matrix<Scalar>, _ att: AttentionBuffer<Scalar>, _ values: PositionCache<Scalar>,
    layer: Int, _ count: Int, _ sizes: Configuration
  ) {
    for r in 0..<count {
      for head in 0..<sizes.headCount {
        var output = xb.mutableRow(r, columns: sizes.columns(ofHead: head))
        weightedSum(
          &output, weights: att.row(r, head: head), values: values.layer(layer),
          columns: sizes.keyValueColumns(ofHead: head))
      }
    }
  }

  private func addRows(_ x: inout Matrix<Scalar>, _ branch: Matrix<Scalar>, _ count: Int) {
    for r in 0..<count {
      var row = x.mutableRow(r)
      add(&row, branch.row(r))
    }
  }

  private func gateRows(_ hb: inout Matrix<Scalar>, _ hb2: Matrix<Scalar>, _ count: Int) {
    for r in 0..<count {
      var row = hb.mutableRow(r)
      swiglu(&row, up: hb2.row(r))
    }
  }
}

extension Configuration {
  /// The elements of a query head in a vector of dim.
  package func columns(ofHead head: Int) -> Range<Int> { (head * headSize)..<((head + 1) * headSize) }

  /// The elements, in a vector of kv_dim, of the key and value head that a query head reads.
  package func keyValueColumns(ofHead head: Int) -> Range<Int> { columns(ofHead: head / headsPerKeyValueHead) }
}
