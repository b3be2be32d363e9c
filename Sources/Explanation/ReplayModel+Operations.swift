import Model
import TraceFormat

extension ReplayModel {
  /// The exact result of an operation that is not a product, and its bound.
  func replay(
    _ operation: SiteOperation, layer: Int?, position: Int, _ inputs: [Estimate], cache: [Estimate]
  ) -> Estimate? {
    switch operation.kind {
    case .embedding:
      guard let token = tokens[position], (0..<sizes.vocabularySize).contains(token) else { return nil }
      return embedding(token)
    case .rmsNorm:
      guard let weight = operation.weight else { return nil }
      return Replay.rmsNorm(inputs[0], weight: weights.vector(weight, layer: weightLayer(layer)), norm)
    case .product: return nil
    case .rotation: return Replay.rotate(inputs[0], position: position, rotation)
    case .scores:
      return scores(inputs[0], cache, divisor: Double(sizes.headSize).squareRoot(), keyHead: keyHead)
    case .softmax: return Replay.softmax(inputs[0], heads: sizes.headCount)
    case .weightedSum: return weightedSum(inputs[0], cache, valueHead: keyHead)
    case .residual:
      // A branch that was not recorded may have been summed into x, term by term.
      let branch = operation.inputs[1].site.operation(quantized: isQuantized)
      let terms = inputs[1].isExact ? 0 : branch.weight.map { weights.shape($0).columns } ?? 0
      return Replay.residual(inputs[0], inputs[1], terms: terms)
    case .swiglu: return Replay.swiglu(inputs[0], inputs[1])
    case .quantizedScales: return Replay.quantizationScales(inputs[0], groupSize: groupSize)
    case .quantizedValues: return Replay.quantizedValues(inputs[0], scales: inputs[1], groupSize: groupSize)
    }
  }
}
