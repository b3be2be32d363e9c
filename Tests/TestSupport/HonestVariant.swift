package import Model
package import TraceFormat

/// Ways to compute the same model that are as good as llama2.c's: their results differ by rounding alone.
package enum HonestVariant: String, CaseIterable, Sendable {
  /// Sums taken from the last term to the first.
  case reversedSums
  /// Sums taken in halves of halves.
  case pairwiseSums
  /// Eight running sums side by side, as vectorised code has.
  case blockedSums
  /// Multiply and add fused, rounded once.
  case fusedMultiplyAdd
  /// Sums in float64.
  case doubleAccumulation
  /// exp(x) without subtracting the maximum first.
  case softmaxWithoutMaximum
  /// Multiplication by reciprocals instead of divisions.
  case reciprocals
  /// RoPE from a table computed in float64.
  case ropeTable
  /// RoPE by turning each pair a step further from position to position.
  case ropeByRepeatedRotation
  /// RoPE's frequencies each a float32 multiple of the one before.
  case ropeFrequencyByMultiplication
  /// exp(x) as a power of two.
  case softmaxByPowerOfTwo
  /// RMSNorm by an approximate reciprocal root of 12 bits and one step of Newton's.
  case reciprocalRootWithNewtonStep
  /// Queries scaled before their products with keys.
  case queryScaledFirst
  /// Subnormal results are zero, as processors do when told to.
  case flushToZero
  /// silu(g) as g / (1 + exp(-g)).
  case siluByDivision

  /// A dot product in the variant's order.
  func dot(_ a: Span<Float>, _ b: Span<Float>) -> Float {
    let n = a.count
    switch self {
    case .reversedSums: return stride(from: n - 1, through: 0, by: -1).reduce(Float(0)) { $0 + a[$1] * b[$1] }
    case .pairwiseSums: return Self.pairwise(a, b, 0..<n)
    case .blockedSums:
      var sums = SIMD8<Float>(repeating: 0)
      for j in 0..<n { sums[j % 8] += a[j] * b[j] }
      return sums.sum()
    case .fusedMultiplyAdd: return (0..<n).reduce(Float(0)) { $0.addingProduct(a[$1], b[$1]) }
    case .flushToZero: return (0..<n).reduce(Float(0)) { flushed($0 + flushed(a[$1] * b[$1])) }
    case .doubleAccumulation: return Float((0..<n).reduce(0.0) { $0 + Double(a[$1]) * Double(b[$1]) })
    default: return (0..<n).reduce(Float(0)) { $0 + a[$1] * b[$1] }
    }
  }

  private static func pairwise(_ a: Span<Float>, _ b: Span<Float>, _ range: Range<Int>) -> Float {
    if range.count <= 2 { return range.reduce(Float(0)) { $0 + a[$1] * b[$1] } }
    let middle = (range.lowerBound + range.upperBound) / 2
    return pairwise(a, b, range.lowerBound..<middle) + pairwise(a, b, middle..<range.upperBound)
  }
}

/// llama2.c's float32 operations, computed in another honest way.
package struct HonestOperations: Operations {
  private let variant: HonestVariant
  private let base = Llama2Operations<Float>()

  /// Operations of a variant.
  package init(_ variant: HonestVariant) { self.variant = variant }

  /// Computes a site in the variant's way.
  package func perform(_ site: Site, layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    let sizes = model.configuration
    switch site {
    case .attentionNorm: normalize(&s.xb, s.x, model.vector(.attentionNorm, layer: layer))
    case .ffnNorm: normalize(&s.xb, s.x, model.vector(.ffnNorm, layer: layer))
    case .finalNorm:
      let x = s.x
      normalize(&s.x, x, model.vector(.finalNorm))
    case .queryProjection: project(&s.q, model.matrix(.wq, layer: layer), s.xb)
    case .keyProjection: project(&s.k, model.matrix(.wk, layer: layer), s.xb)
    case .valueProjection: project(&s.v, model.matrix(.wv, layer: layer), s.xb)
    case .outputProjection: project(&s.xb2, model.matrix(.wo, layer: layer), s.xb)
    case .gateProjection: project(&s.hb, model.matrix(.w1, layer: layer), s.xb)
    case .upProjection: project(&s.hb2, model.matrix(.w3, layer: layer), s.xb)
    case .downProjection: project(&s.xb, model.matrix(.w2, layer: layer), s.hb)
    case .logits: project(&s.logits, model.matrix(.classifier), s.x)
    case .queryRotation: rotateRow(&s.q, s.positions.lowerBound, sizes)
    case .keyRotation: rotateRow(&s.k, s.positions.lowerBound, sizes)
    case .attentionScores:
      base.perform(site, layer: layer, &s, model)
      let (queries, cache) = (s.q, s.keyCache)
      for head in 0..<sizes.headCount {
        scoreHead(head, queries.row(0), cache.layer(layer), &s.att, sizes)
      }
    case .swiglu where variant == .siluByDivision:
      let up = s.hb2
      var row = s.hb.mutableRow(0)
      for i in 0..<row.count { row[i] = row[i] / (1 + Float.exponential(-row[i])) * up.row(0)[i] }
    case .attentionWeights:
      for head in 0..<sizes.headCount {
        var row = s.att.mutableRow(0, head: head)
        softmaxRow(&row)
      }
    default: base.perform(site, layer: layer, &s, model)
    }
  }

  private func normalize(_ output: inout Matrix<Float>, _ x: Matrix<Float>, _ weight: Span<Float>) {
    let input = x.row(0)
    let mean = variant.dot(input, input) / Float(input.count)
    let scale =
      variant == .reciprocalRootWithNewtonStep
      ? refinedReciprocalRoot(mean + 1e-5) : 1 / (mean + 1e-5).squareRoot()
    var row = output.mutableRow(0)
    for j in 0..<row.count {
      row[j] = variant == .reciprocals ? (weight[j] * input[j]) * scale : weight[j] * (scale * input[j])
    }
  }

  private func project(_ output: inout Matrix<Float>, _ weights: WeightMatrix, _ input: Matrix<Float>) {
    guard case .float32(let matrix) = weights else { preconditionFailure("honest variants are of float32 models") }
    var row = output.mutableRow(0)
    for i in 0..<matrix.rows { row[i] = variant.dot(matrix[row: i], input.row(0)) }
  }

  private func scoreHead(
    _ head: Int, _ queries: Span<Float>, _ keys: MatrixView<Float>, _ att: inout AttentionBuffer<Float>,
    _ sizes: Configuration
  ) {
    let root = Float(sizes.headSize).squareRoot()
    var query = values(queries.extracting(sizes.columns(ofHead: head)))
    if variant == .queryScaledFirst { query = query.map { $0 * (1 / root) } }
    var scores = att.mutableRow(0, head: head)
    for t in 0..<scores.count {
      let sum = variant.dot(query.span, keys[row: t].extracting(sizes.keyValueColumns(ofHead: head)))
      switch variant {
      case .queryScaledFirst: scores[t] = sum
      case .reciprocals: scores[t] = sum * (1 / root)
      default: scores[t] = sum / root
      }
    }
  }

  private func softmaxRow(_ row: inout MutableSpan<Float>) {
    var largest = row[0]
    for t in 1..<row.count where row[t] > largest { largest = row[t] }
    if variant == .softmaxWithoutMaximum { largest = 0 }
    var sum: Float = 0
    for t in 0..<row.count {
      switch variant {
      case .softmaxByPowerOfTwo: row[t] = powerOfTwo((row[t] - largest) * 1.442695)
      case .flushToZero: row[t] = flushed(Float.exponential(flushed(row[t] - largest)))
      default: row[t] = Float.exponential(row[t] - largest)
      }
      sum += row[t]
    }
    for t in 0..<row.count {
      row[t] = variant == .reciprocals ? row[t] * (1 / sum) : row[t] / sum
      if variant == .flushToZero { row[t] = flushed(row[t]) }
    }
  }

  private func rotateRow(_ vectors: inout Matrix<Float>, _ position: Int, _ sizes: Configuration) {
    var row = vectors.mutableRow(0)
    switch variant {
    case .ropeTable, .ropeByRepeatedRotation: rotateInDouble(&row, position, sizes)
    case .ropeFrequencyByMultiplication:
      let ratio = 1 / Float.power(10000, 2 / Float(sizes.headSize))
      for start in stride(from: 0, to: row.count, by: sizes.headSize) {
        var frequency: Float = 1
        for i in stride(from: start, to: start + sizes.headSize, by: 2) {
          let angle = Float(position) * frequency
          turn(&row, i, Float.cosine(angle), Float.sine(angle))
          frequency *= ratio
        }
      }
    default: rotate(&row, position: position, headSize: sizes.headSize, base: 10000)
    }
  }

  private func turn(_ row: inout MutableSpan<Float>, _ i: Int, _ cosine: Float, _ sine: Float) {
    let (first, second) = (row[i], row[i + 1])
    row[i] = first * cosine - second * sine
    row[i + 1] = first * sine + second * cosine
  }

  private func rotateInDouble(_ row: inout MutableSpan<Float>, _ position: Int, _ sizes: Configuration) {
    for i in stride(from: 0, to: row.count, by: 2) {
      let frequency = 1 / Double.power(10000, Double(i % sizes.headSize) / Double(sizes.headSize))
      var (cosine, sine): (Float, Float)
      if variant == .ropeTable {
        (cosine, sine) = (
          Float(Double.cosine(Double(position) * frequency)), Float(Double.sine(Double(position) * frequency))
        )
      } else {
        let (stepCosine, stepSine) = (Double.cosine(frequency), Double.sine(frequency))
        var turned = (1.0, 0.0)
        for _ in 0..<position {
          turned = (turned.0 * stepCosine - turned.1 * stepSine, turned.0 * stepSine + turned.1 * stepCosine)
        }
        (cosine, sine) = (Float(turned.0), Float(turned.1))
      }
      turn(&row, i, cosine, sine)
    }
  }
}

/// 0 for subnormal numbers.
private func flushed(_ x: Float) -> Float { x.magnitude < Float.leastNormalMagnitude ? 0 : x }

/// 1 / sqrt(x) from an estimate, as processors give it, that one step of Newton's makes good.
private func refinedReciprocalRoot(_ x: Float) -> Float {
  let estimate = estimatedReciprocalRoot(x)
  return estimate * (1.5 - 0.5 * x * estimate * estimate)
}
