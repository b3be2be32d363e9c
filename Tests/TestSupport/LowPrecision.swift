package import Model
package import TraceFormat

/// A number format with fewer significant bits than float32.
package enum LowFormat: String, CaseIterable, Sendable {
  /// 8 significant bits, float32's range.
  case bfloat16
  /// 11 significant bits, IEEE 754 binary16's range.
  case float16
  /// 11 significant bits, float32's range.
  case tf32

  /// The nearest number of the format; of two as near, the even one.
  package func rounded(_ x: Float) -> Float {
    switch self {
    case .bfloat16: return Self.rounded(x, dropping: 16)
    case .tf32: return Self.rounded(x, dropping: 13)
    case .float16:
      // Below the least normal number, 2^-14, numbers are 2^-24 apart.
      if x.magnitude < 0x1p-14 { return (x * 0x1p24).rounded(.toNearestOrEven) * 0x1p-24 }
      let result = Self.rounded(x, dropping: 13)
      return result.magnitude > 65504 ? (x.isNaN ? x : Float(signOf: x, magnitudeOf: .infinity)) : result
    }
  }

  private static func rounded(_ x: Float, dropping bits: UInt32) -> Float {
    guard x.isFinite else { return x }
    let pattern = x.bitPattern
    let half: UInt32 = 1 << (bits - 1)
    let odd = (pattern >> bits) & 1
    return Float(bitPattern: ((pattern + half - 1 + odd) >> bits) << bits)
  }
}

/// Ways to compute the same model in less than float32, as ports do on purpose.
package enum LowPrecision: Hashable, Sendable, CaseIterable, CustomStringConvertible {
  /// The inputs of matrix products are rounded.
  case productInputs(LowFormat)
  /// The weights of matrix products are rounded.
  case productWeights(LowFormat)
  /// Inputs and weights of matrix products are rounded; sums are float32, as matrix units take them.
  case productInputsAndWeights(LowFormat)
  /// The outputs of matrix products are rounded.
  case productOutputs(LowFormat)
  /// The outputs of norms are rounded.
  case normOutputs(LowFormat)
  /// Attention weights are rounded.
  case softmaxOutputs(LowFormat)
  /// Keys and values are rounded as they enter the cache.
  case cache(LowFormat)
  /// RMSNorm by an approximate reciprocal root of 12 bits.
  case reciprocalRoot

  /// All of them.
  package static var allCases: [LowPrecision] {
    let kinds: [(LowFormat) -> LowPrecision] = [
      productInputs, productWeights, productInputsAndWeights, productOutputs, normOutputs, softmaxOutputs, cache,
    ]
    return kinds.flatMap { kind in LowFormat.allCases.map(kind) } + [.reciprocalRoot]
  }

  /// The format; nil for the approximate root.
  package var format: LowFormat? {
    switch self {
    case .productInputs(let format), .productWeights(let format), .productInputsAndWeights(let format),
      .productOutputs(let format), .normOutputs(let format), .softmaxOutputs(let format), .cache(let format):
      format
    case .reciprocalRoot: nil
    }
  }

  /// The sites that are computed in less than float32.
  package var sites: [Site] {
    switch self {
    case .productInputs, .productWeights, .productInputsAndWeights, .productOutputs:
      [
        .queryProjection, .keyProjection, .valueProjection, .outputProjection, .gateProjection, .upProjection,
        .downProjection, .logits,
      ]
    case .normOutputs, .reciprocalRoot: [.attentionNorm, .ffnNorm, .finalNorm]
    case .softmaxOutputs: [.attentionWeights]
    case .cache: [.attentionScores, .attention]
    }
  }

  /// What is rounded, and to what.
  package var description: String {
    switch self {
    case .productInputs(let format): "\(format) product inputs"
    case .productWeights(let format): "\(format) product weights"
    case .productInputsAndWeights(let format): "\(format) product inputs and weights"
    case .productOutputs(let format): "\(format) product outputs"
    case .normOutputs(let format): "\(format) norm outputs"
    case .softmaxOutputs(let format): "\(format) softmax outputs"
    case .cache(let format): "\(format) cache"
    case .reciprocalRoot: "reciprocal root of 12 bits"
    }
  }
}

/// llama2.c's operations of a float32 model, some of them in less than float32, for blocks of one position.
package struct LowPrecisionOperations: Operations {
  private let variant: LowPrecision
  private let base = Llama2Operations<Float>()

  /// Operations of a variant.
  package init(_ variant: LowPrecision) { self.variant = variant }

  /// Computes a site in the variant's precision.
  package func perform(_ site: Site, layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    guard variant.sites.contains(site) else {
      base.perform(site, layer: layer, &s, model)
      return
    }
    switch variant {
    case .productInputs(let format):
      s[site] = product(site, layer, s, model, input: format.rounded, weight: { $0 })
    case .productWeights(let format):
      s[site] = product(site, layer, s, model, input: { $0 }, weight: format.rounded)
    case .productInputsAndWeights(let format):
      s[site] = product(site, layer, s, model, input: format.rounded, weight: format.rounded)
    case .productOutputs(let format), .normOutputs(let format), .softmaxOutputs(let format):
      base.perform(site, layer: layer, &s, model)
      s[site] = s[site].map(format.rounded)
    case .cache(let format):
      base.perform(site, layer: layer, &s, model)
      if site == .attentionScores { roundCache(format, layer: layer, &s, model.configuration) }
    case .reciprocalRoot:
      let x = values(s.x.row(0))
      let root = estimatedReciprocalRoot(meanSquare(x) + 1e-5)
      s[site] = scaled(x, root, normWeight(of: site, layer: layer, model))
    }
  }

  private func product(
    _ site: Site, _ layer: Int, _ s: borrowing ForwardState<Float>, _ model: borrowing Checkpoint,
    input: (Float) -> Float, weight: (Float) -> Float
  ) -> [Float] {
    guard case .float32(let matrix) = model.matrix(weightName(of: site), layer: layer) else {
      preconditionFailure("low-precision variants are of float32 models")
    }
    let x = ProductInput(site, s, quantized: false).dequantized.map(input)
    var output: [Float] = []
    for i in 0..<matrix.rows {
      let row = matrix[row: i]
      var sum: Float = 0
      for j in 0..<x.count { sum += weight(row[j]) * x[j] }
      output.append(sum)
    }
    return output
  }

  /// Rounds what has just entered the cache, and takes the scores of that.
  private func roundCache(
    _ format: LowFormat, layer: Int, _ s: inout ForwardState<Float>, _ sizes: Configuration
  ) {
    let position = s.positions.lowerBound
    var key = s.keyCache.mutableRow(layer: layer, position: position)
    for i in 0..<key.count { key[i] = format.rounded(key[i]) }
    var value = s.valueCache.mutableRow(layer: layer, position: position)
    for i in 0..<value.count { value[i] = format.rounded(value[i]) }
    let keys = CacheRows(s.keyCache, layer: layer, position: position, sizes)
    s[.attentionScores] = scaledScores(values(s.q.row(0)), keys, position, sizes)
  }
}

/// 1 / sqrt(x), right to 12 significant bits: what the estimate instructions of processors give.
func estimatedReciprocalRoot(_ x: Float) -> Float {
  let exact = 1 / x.squareRoot()
  let dropped = Float.significandBitCount - 11
  return Float(bitPattern: (exact.bitPattern >> dropped) << dropped)
}
