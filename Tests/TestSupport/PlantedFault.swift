package import Model
package import TraceFormat

/// Mistakes that ports of llama2.c really make, to be planted in a run and found again.
package enum PlantedFault: String, CaseIterable, Sendable {
  /// The embedding of the next token id.
  case embeddingOfNextToken
  /// RMSNorm with 1e-6 for 1e-5.
  case normEpsilon
  /// RMSNorm without its weight.
  case normWithoutWeight
  /// Pairs (i, i + head_size/2) rotated instead of (i, i + 1).
  case ropeSplitHalf
  /// Base 500000 instead of 10000.
  case ropeBase
  /// Angles of the next position.
  case ropePositionOffByOne
  /// Queries rotated, keys not.
  case ropeNotAppliedToKeys
  /// The first element of a pair overwritten before the second is computed.
  case ropeOverwrittenComponent
  /// No division by sqrt(head_size).
  case scoresUnscaled
  /// Division by sqrt(dim).
  case scoresScaledByDim
  /// Key head h mod n_kv_heads instead of h / (n_heads / n_kv_heads).
  case keyHeadByModulo
  /// The attention buffer holds one head, so that all heads see the last one's scores.
  case attentionBufferOfOneHead
  /// The current position left out of the softmax.
  case softmaxOneTooFew
  /// att[pos] where att[t] is meant.
  case attentionWeightOfLastPosition
  /// Values of the position before.
  case valueCacheShifted
  /// xb not cleared before the weighted sum.
  case attentionNotCleared
  /// Output projection read from the layer before.
  case outputProjectionOfLayerBefore
  /// The residual adds xb instead of xb2.
  case residualFromWrongBuffer
  /// The feed-forward residual missing.
  case residualMissing
  /// w1 and w3 swapped.
  case gateAndUpSwapped
  /// Sigmoid where SiLU is meant.
  case sigmoidForSilu
  /// The last column of w2 dropped.
  case downProjectionTailDropped
  /// No final norm.
  case finalNormMissing

  /// Where the fault first shows: site, layer and position.
  package var place: RecordKey {
    switch self {
    case .embeddingOfNextToken: RecordKey(.embedding, layer: nil, position: 0)
    case .normEpsilon, .normWithoutWeight: RecordKey(.attentionNorm, layer: 0, position: 0)
    case .ropeSplitHalf, .ropeBase, .ropeOverwrittenComponent: RecordKey(.queryRotation, layer: 0, position: 1)
    case .ropePositionOffByOne: RecordKey(.queryRotation, layer: 0, position: 0)
    case .ropeNotAppliedToKeys: RecordKey(.keyRotation, layer: 0, position: 1)
    case .scoresUnscaled, .scoresScaledByDim, .keyHeadByModulo, .attentionBufferOfOneHead:
      RecordKey(.attentionScores, layer: 0, position: 0)
    case .softmaxOneTooFew: RecordKey(.attentionWeights, layer: 0, position: 1)
    case .attentionWeightOfLastPosition, .valueCacheShifted: RecordKey(.attention, layer: 0, position: 1)
    case .attentionNotCleared: RecordKey(.attention, layer: 0, position: 0)
    case .outputProjectionOfLayerBefore: RecordKey(.outputProjection, layer: 1, position: 0)
    case .residualFromWrongBuffer: RecordKey(.attentionResidual, layer: 0, position: 0)
    case .gateAndUpSwapped, .sigmoidForSilu: RecordKey(.swiglu, layer: 0, position: 0)
    case .downProjectionTailDropped: RecordKey(.downProjection, layer: 0, position: 0)
    case .residualMissing: RecordKey(.ffnResidual, layer: 0, position: 0)
    case .finalNormMissing: RecordKey(.finalNorm, layer: nil, position: 0)
    }
  }
}

/// llama2.c's float32 arithmetic with one mistake in it.
package struct FaultyOperations: Operations {
  private let fault: PlantedFault
  private let base = Llama2Operations<Float>()

  /// Operations with a fault.
  package init(_ fault: PlantedFault) { self.fault = fault }

  /// Computes a site, wrongly where the fault is.
  package func perform(_ site: Site, layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    let sizes = model.configuration
    let position = s.positions.lowerBound
    switch (fault, site) {
    case (.embeddingOfNextToken, .embedding):
      let token = (s.tokens[0] + 1) % sizes.vocabularySize
      var row = s.x.mutableRow(0)
      embed(&row, table: model.matrix(.tokenEmbedding), token: token)
    case (.normEpsilon, .attentionNorm):
      let x = s.x
      var row = s.xb.mutableRow(0)
      rmsNorm(&row, x.row(0), weight: model.vector(.attentionNorm, layer: layer), epsilon: 1e-6)
    case (.normWithoutWeight, .attentionNorm):
      let ones = Matrix<Float>(rows: 1, columns: sizes.dim, repeating: 1)
      let x = s.x
      var row = s.xb.mutableRow(0)
      rmsNorm(&row, x.row(0), weight: ones.row(0), epsilon: 1e-5)

    case (.ropeSplitHalf, .queryRotation): rotateHalves(&s.q, position, sizes)
    case (.ropeSplitHalf, .keyRotation): rotateHalves(&s.k, position, sizes)
    case (.ropeBase, .queryRotation): rotateRow(&s.q, position, sizes, base: 500_000)
    case (.ropeBase, .keyRotation): rotateRow(&s.k, position, sizes, base: 500_000)
    case (.ropePositionOffByOne, .queryRotation): rotateRow(&s.q, position + 1, sizes)
    case (.ropePositionOffByOne, .keyRotation): rotateRow(&s.k, position + 1, sizes)
    case (.ropeNotAppliedToKeys, .keyRotation): break
    case (.ropeOverwrittenComponent, .queryRotation): rotateOverwriting(&s.q, position, sizes)

    case (.scoresUnscaled, .attentionScores): score(site, layer, &s, model) { $0 * Float(sizes.headSize).squareRoot() }
    case (.scoresScaledByDim, .attentionScores):
      score(site, layer, &s, model) { $0 * Float(sizes.headSize).squareRoot() / Float(sizes.dim).squareRoot() }
    case (.keyHeadByModulo, .attentionScores):
      base.perform(site, layer: layer, &s, model)
      let (queries, cache) = (s.q, s.keyCache)
      for head in 0..<sizes.headCount {
        let keyHead = head % sizes.keyValueHeadCount
        let columns = (keyHead * sizes.headSize)..<((keyHead + 1) * sizes.headSize)
        var scores = s.att.mutableRow(0, head: head)
        attentionScores(
          &scores, query: queries.row(0).extracting(sizes.columns(ofHead: head)), keys: cache.layer(layer),
          columns: columns)
      }
    case (.attentionBufferOfOneHead, .attentionScores):
      base.perform(site, layer: layer, &s, model)
      let last = values(s.att.row(0, head: sizes.headCount - 1))
      for head in 0..<sizes.headCount {
        var row = s.att.mutableRow(0, head: head)
        for t in 0..<row.count { row[t] = last[t] }
      }
    case (.softmaxOneTooFew, .attentionWeights) where position > 0:
      for head in 0..<sizes.headCount {
        var row = s.att.mutableRow(0, head: head)
        row[position] = -.infinity
        softmax(&row)
      }
    case (.attentionWeightOfLastPosition, .attention):
      let weights = s.att
      for head in 0..<sizes.headCount {
        var row = s.att.mutableRow(0, head: head)
        let last = row[position]
        for t in 0..<row.count { row[t] = last }
      }
      base.perform(site, layer: layer, &s, model)
      s.att = weights
    case (.valueCacheShifted, .attention) where position > 0:
      let cache = s.valueCache
      for t in 1...position {
        let before = values(cache.layer(layer)[row: t - 1])
        var row = s.valueCache.mutableRow(layer: layer, position: t)
        for i in 0..<row.count { row[i] = before[i] }
      }
      base.perform(site, layer: layer, &s, model)
      s.valueCache = cache
    case (.attentionNotCleared, .attention):
      let before = s.xb
      base.perform(site, layer: layer, &s, model)
      addRow(&s.xb, before)
    case (.outputProjectionOfLayerBefore, .outputProjection):
      base.perform(site, layer: max(0, layer - 1), &s, model)
    case (.residualFromWrongBuffer, .attentionResidual): addRow(&s.x, s.xb)
    case (.residualMissing, .ffnResidual): break

    case (.gateAndUpSwapped, .swiglu):
      let gate = s.hb
      s.hb = s.hb2
      s.hb2 = gate
      base.perform(site, layer: layer, &s, model)
    case (.sigmoidForSilu, .swiglu):
      let (gate, up) = (s.hb, s.hb2)
      var row = s.hb.mutableRow(0)
      for i in 0..<row.count { row[i] = 1 / (1 + Float.exponential(-gate.row(0)[i])) * up.row(0)[i] }
    case (.downProjectionTailDropped, .downProjection):
      let whole = s.hb
      var row = s.hb.mutableRow(0)
      row[row.count - 1] = 0
      base.perform(site, layer: layer, &s, model)
      s.hb = whole
    case (.finalNormMissing, .finalNorm): break
    default: base.perform(site, layer: layer, &s, model)
    }
  }

  private func rotateRow(_ vectors: inout Matrix<Float>, _ position: Int, _ sizes: Configuration, base: Float = 10000) {
    var row = vectors.mutableRow(0)
    rotate(&row, position: position, headSize: sizes.headSize, base: base)
  }

  private func rotateHalves(_ vectors: inout Matrix<Float>, _ position: Int, _ sizes: Configuration) {
    let half = sizes.headSize / 2
    var row = vectors.mutableRow(0)
    for start in stride(from: 0, to: row.count, by: sizes.headSize) {
      for i in 0..<half {
        let angle = Float(position) / Float.power(10000, Float(2 * i) / Float(sizes.headSize))
        let (cosine, sine) = (Float.cosine(angle), Float.sine(angle))
        let (first, second) = (row[start + i], row[start + i + half])
        row[start + i] = first * cosine - second * sine
        row[start + i + half] = first * sine + second * cosine
      }
    }
  }

  private func rotateOverwriting(_ vectors: inout Matrix<Float>, _ position: Int, _ sizes: Configuration) {
    var row = vectors.mutableRow(0)
    for i in stride(from: 0, to: row.count, by: 2) {
      let angle = Float(position) / Float.power(10000, Float(i % sizes.headSize) / Float(sizes.headSize))
      let (cosine, sine) = (Float.cosine(angle), Float.sine(angle))
      row[i] = row[i] * cosine - row[i + 1] * sine
      row[i + 1] = row[i] * sine + row[i + 1] * cosine
    }
  }

  private func score(
    _ site: Site, _ layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint,
    _ change: (Float) -> Float
  ) {
    base.perform(site, layer: layer, &s, model)
    for head in 0..<model.configuration.headCount {
      var row = s.att.mutableRow(0, head: head)
      for t in 0..<row.count { row[t] = change(row[t]) }
    }
  }

  private func addRow(_ x: inout Matrix<Float>, _ branch: Matrix<Float>) {
    var row = x.mutableRow(0)
    add(&row, branch.row(0))
  }
}

/// A copy of borrowed elements.
package func values<Element: BitwiseCopyable>(_ span: Span<Element>) -> [Element] { span.indices.map { span[$0] } }
