public import TraceFormat

/// The arithmetic of the forward pass: one method that computes one site from the buffers before it.
///
/// `Transformer` calls it for every site in the order of the site table. A variant (int8 products, a planted fault,
/// another order of summation) wraps `Llama2Operations`, computes the sites it changes, and passes the others on.
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
  /// Threads that share the work of a site; the bits do not depend on them.
  let team: ThreadTeam

  /// Operations on a number of threads.
  public init(threads: Int = 1) { self.init(ThreadTeam(threads: threads)) }

  /// Operations on a team of threads.
  package init(_ team: ThreadTeam) { self.team = team }

  /// Computes a site for the current block of positions.
  ///
  /// Callers in other modules know the number format only at run time, so both are compiled here, kernels included.
  @_specialize(where Scalar == Float)
  @_specialize(where Scalar == Double)
  public func perform(_ site: Site, layer: Int, _ state: inout ForwardState<Scalar>, _ model: borrowing Checkpoint) {
    let sizes = model.configuration
    let count = state.count
    switch site {
    case .embedding: embedTokens(&state, model)

    case .attentionNorm: normalize(&state.xb, state.x, model.vector(.attentionNorm, layer: layer), count)
    case .queryProjection: project(&state.q, model.matrix(.wq, layer: layer), state.xb, &state.packed, count)
    case .keyProjection: project(&state.k, model.matrix(.wk, layer: layer), state.xb, &state.packed, count)
    case .valueProjection: project(&state.v, model.matrix(.wv, layer: layer), state.xb, &state.packed, count)
    case .queryRotation: rotateHeads(&state.q, state.angles, count)
    case .keyRotation: rotateHeads(&state.k, state.angles, count)
    case .attentionScores:
      // Only now do the block's keys and values enter the cache, so that their observer comes first.
      store(&state.keyCache, layer: layer, state.k, state.positions)
      store(&state.valueCache, layer: layer, state.v, state.positions)
      attentionScores(
        &state.att, state.q, state.keyCache, layer: layer, state.positions, packed: &state.packed, sizes, team)
    case .attentionWeights:
      let cost = 32 * state.positions.upperBound
      forEachHead(of: &state.att, count: count, team, costPerRow: cost) { row in softmax(&row) }
    case .attention:
      weightedSums(&state.xb, state.att, state.valueCache, layer: layer, state.positions, sizes, team)
    case .outputProjection: project(&state.xb2, model.matrix(.wo, layer: layer), state.xb, &state.packed, count)
    case .attentionResidual: addRows(&state.x, state.xb2, count)

    case .ffnNorm: normalize(&state.xb, state.x, model.vector(.ffnNorm, layer: layer), count)
    case .gateProjection: project(&state.hb, model.matrix(.w1, layer: layer), state.xb, &state.packed, count)
    case .upProjection: project(&state.hb2, model.matrix(.w3, layer: layer), state.xb, &state.packed, count)
    case .swiglu: gateRows(&state.hb, state.hb2, count)
    case .downProjection: project(&state.xb, model.matrix(.w2, layer: layer), state.hb, &state.packed, count)
    case .ffnResidual: addRows(&state.x, state.xb, count)

    case .finalNorm:
      let x = state.x
      normalize(&state.x, x, model.vector(.finalNorm), count)
    case .logits: project(&state.logits, model.matrix(.classifier), state.x, &state.packed, count)

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
    forEachRow(of: &output, count: count, team, costPerRow: 8 * x.columns) { row, r in
      rmsNorm(&row, x.row(r), weight: weight, epsilon: Scalar(Constants.normEpsilon))
    }
  }

  private func project(
    _ output: inout Matrix<Scalar>, _ weights: WeightMatrix, _ input: Matrix<Scalar>,
    _ packed: inout PackedBlock<Scalar>, _ count: Int
  ) {
    switch weights {
    case .float32(let matrix): multiply(&output, matrix, input, count: count, packed: &packed, team)
    case .int8(let matrix):
      for r in 0..<count {
        var row = output.mutableRow(r)
        inParallel(&row, team, costPerElement: 4 * matrix.columns) { part, rows in
          multiplyDequantized(&part, matrix, input.row(r), rows: rows)
        }
      }
    }
  }

  private func rotateHeads(_ vectors: inout Matrix<Scalar>, _ angles: RotationTable<Scalar>, _ count: Int) {
    forEachRow(of: &vectors, count: count, team, costPerRow: 4 * vectors.columns) { row, r in
      rotate(&row, angles: angles.row(r))
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

  private func addRows(_ x: inout Matrix<Scalar>, _ branch: Matrix<Scalar>, _ count: Int) {
    forEachRow(of: &x, count: count, team, costPerRow: x.columns) { row, r in add(&row, branch.row(r)) }
  }

  private func gateRows(_ hb: inout Matrix<Scalar>, _ hb2: Matrix<Scalar>, _ count: Int) {
    forEachRow(of: &hb, count: count, team, costPerRow: 32 * hb.columns) { row, r in swiglu(&row, up: hb2.row(r)) }
  }
}

extension Configuration {
  /// The elements of a query head in a vector of dim.
  package func columns(ofHead head: Int) -> Range<Int> { (head * headSize)..<((head + 1) * headSize) }

  /// The elements, in a vector of kv_dim, of the key and value head that a query head reads.
  package func keyValueColumns(ofHead head: Int) -> Range<Int> { columns(ofHead: head / headsPerKeyValueHead) }
}
