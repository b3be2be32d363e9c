import Foundation
import Model
import TraceFormat

/// What an operation should give, computed in float64, and how far an honest float32 result may lie from it.
struct ExactResult {
  /// The values.
  var values: [Double] = []
  /// The bounds; infinite where honest results differ without limit.
  var bounds: [Double] = []

  mutating func append(_ value: Double, _ bound: Double) {
    values.append(value)
    bounds.append(bound)
  }
}

/// A second judge of whole traces that were recorded in float32 or int8, written apart from the explainer and sharing
/// no code with it: plain loops over the recorded inputs, with the bounds of `docs/rounding.md`, section 3.
///
/// It decides where a planted fault shows, so that the benchmark does not take the explainer's word for it.
struct IndependentJudge: ~Copyable {
  private let trace: TraceFile
  private let positionCount: Int
  private static let u = 0x1p-24
  private static let eta = 0x1p-126
  private static let greatest = Double(Float.greatestFiniteMagnitude)

  /// Where a site is first beyond its bound.
  struct Place {
    /// The first record with an element beyond its bound; nil when there is none.
    let first: RecordKey?
    /// The greatest ratio of error to bound up to there.
    let ratio: Double
  }

  /// A judge of a trace.
  init(path: String) throws(TraceError) {
    trace = try TraceFile(path: path)
    positionCount = trace.tokens.count
  }

  /// Goes through a site's records in the order of execution.
  func place(of site: Site, _ model: borrowing Checkpoint) throws -> Place {
    let isInLayer = site.scope == .layer
    var greatestRatio = 0.0
    for position in 0..<positionCount {
      for layer in 0..<(isInLayer ? model.configuration.layerCount : 1) {
        let actual = try record(site, isInLayer ? layer : nil, position)
        let exact = try exactResult(site, layer, position, model)
        // Where no element has a bound nothing can be said.
        guard exact.bounds.contains(where: { $0 < .infinity }) else { continue }
        let ratio = actual.indices.map { Self.ratio(actual[$0], exact.values[$0], exact.bounds[$0]) }.max() ?? 0
        greatestRatio = max(greatestRatio, ratio)
        if ratio > 1 {
          return Place(first: RecordKey(site, layer: isInLayer ? layer : nil, position: position), ratio: ratio)
        }
      }
    }
    return Place(first: nil, ratio: greatestRatio)
  }

  /// Error over bound, with the rules of `docs/rounding.md`, section 4, for what is not finite.
  private static func ratio(_ actual: Double, _ exact: Double, _ bound: Double) -> Double {
    if exact.isNaN { return actual.isFinite ? .infinity : 0 }
    if exact.isInfinite { return actual == exact || actual.isNaN ? 0 : .infinity }
    if bound == .infinity { return 0 }
    if actual.isNaN { return .infinity }
    if actual.isInfinite {
      return abs(exact) + bound >= greatest && (actual > 0) == (exact > 0) ? 0 : .infinity
    }
    let error = abs(actual - exact)
    return error == 0 ? 0 : error / bound
  }

  private func record(_ site: Site, _ layer: Int?, _ position: Int) throws(TraceError) -> [Double] {
    let key = RecordKey(site, layer: layer, position: position)
    let values = try trace.withRecord(key) { record in (0..<record.elementCount).map { record.element($0) } }
    guard let values else { preconditionFailure("\(key) was not recorded") }
    return values
  }

  /// The residual stream that a layer begins with.
  private func stream(_ layer: Int, _ position: Int) throws(TraceError) -> [Double] {
    layer == 0 ? try record(.embedding, nil, position) : try record(.ffnResidual, layer - 1, position)
  }

  private func exactResult(
    _ site: Site, _ layer: Int, _ position: Int, _ model: borrowing Checkpoint
  ) throws -> ExactResult {
    let sizes = model.configuration
    func own(_ site: Site) throws(TraceError) -> [Double] { try record(site, layer, position) }
    switch site {
    case .embedding: return embedding(trace.tokens[position]?.id ?? 0, model)
    case .attentionNorm: return norm(try stream(layer, position), model.vector(.attentionNorm, layer: layer))
    case .ffnNorm: return norm(try own(.attentionResidual), model.vector(.ffnNorm, layer: layer))
    case .finalNorm:
      return norm(try record(.ffnResidual, sizes.layerCount - 1, position), model.vector(.finalNorm))
    case .queryProjection, .keyProjection, .valueProjection, .outputProjection, .gateProjection, .upProjection,
      .downProjection, .logits:
      return try product(site, layer, position, model)
    case .queryRotation: return rotation(try own(.queryProjection), position, sizes)
    case .keyRotation: return rotation(try own(.keyProjection), position, sizes)
    case .attentionScores:
      let keys = try (0...position).map { try record(.keyRotation, layer, $0) }
      return scores(try own(.queryRotation), keys, sizes)
    case .attentionWeights: return softmaxes(try own(.attentionScores), length: position + 1)
    case .attention:
      let rows = try (0...position).map { try record(.valueProjection, layer, $0) }
      return weightedSum(try own(.attentionWeights), rows, sizes)
    case .attentionResidual: return residual(try stream(layer, position), try own(.outputProjection))
    case .ffnResidual: return residual(try own(.attentionResidual), try own(.downProjection))
    case .swiglu: return swiglu(try own(.gateProjection), try own(.upProjection))
    case .attentionNormScales, .attentionScales, .ffnNormScales, .swigluScales, .finalNormScales:
      return scales(try quantized(site, layer, position), model.groupSize ?? 1)
    case .attentionNormValues, .attentionValues, .ffnNormValues, .swigluValues, .finalNormValues:
      let scale = try record(Self.scaleSite(site), site == .finalNormValues ? nil : layer, position)
      return quantizedValues(try quantized(site, layer, position), scale, model.groupSize ?? 1)
    }
  }

  // MARK: - Before attention

  private func embedding(_ token: Int, _ model: borrowing Checkpoint) -> ExactResult {
    var result = ExactResult()
    switch model.matrix(.tokenEmbedding) {
    case .float32(let table):
      for j in 0..<table.columns { result.append(Double(table[row: token][j]), 0) }
    case .int8(let table):
      for j in 0..<table.columns {
        let index = token * table.columns + j
        let value = Double(table.values[index]) * Double(table.scale(ofElement: index))
        result.append(value, Self.u * (1 + 0x1p-10) * abs(value) + 128 * Self.eta)
      }
    }
    return result
  }

  private func norm(_ x: [Double], _ weight: Span<Float>) -> ExactResult {
    let n = Double(x.count)
    let squares = x.reduce(0) { $0 + $1 * $1 }
    let gamma = Self.gamma(n + 3)
    let scale = 1 / (squares / n + 1e-5).squareRoot()
    let isOutside = squares * (1 + gamma) > Self.greatest
    var result = ExactResult()
    for j in x.indices {
      let w = Double(weight[j])
      let value = w * x[j] * scale
      let lost = Self.eta * (2 + abs(w) + abs(x[j]) + scale * (1 + abs(w) + abs(x[j])))
      result.append(value, isOutside ? .infinity : (gamma / 2 + 9 * Self.u) * abs(value) + lost)
    }
    return result
  }

  private func rotation(_ v: [Double], _ position: Int, _ sizes: Configuration) -> ExactResult {
    let u = Self.u
    var result = ExactResult()
    for i in stride(from: 0, to: v.count, by: 2) {
      let d = Double(i % sizes.headSize)
      let frequency = Double.power(10000, -d / Double(sizes.headSize))
      let angle = Double(position) * frequency
      let error = angle * (13 * abs(log(frequency)) + max(16, 5 * d + 4)) * u
      let (c, s) = (Double.cosine(angle), Double.sine(angle))
      let cosineError = 10.5 * u * abs(c) + abs(s) * error + error * error / 2
      let sineError = 10.5 * u * abs(s) + abs(c) * error + error * error / 2
      let (first, second) = (abs(v[i]), abs(v[i + 1]))
      let lost = Self.eta * (6 + 2 * first + 2 * second)
      result.append(v[i] * c - v[i + 1] * s, first * cosineError + second * sineError + lost)
      result.append(v[i] * s + v[i + 1] * c, first * sineError + second * cosineError + lost)
    }
    return result
  }

  // MARK: - Matrix products

  private static func weight(_ site: Site) -> (WeightName, input: Site, values: Site, scales: Site) {
    switch site {
    case .queryProjection: (.wq, .attentionNorm, .attentionNormValues, .attentionNormScales)
    case .keyProjection: (.wk, .attentionNorm, .attentionNormValues, .attentionNormScales)
    case .valueProjection: (.wv, .attentionNorm, .attentionNormValues, .attentionNormScales)
    case .outputProjection: (.wo, .attention, .attentionValues, .attentionScales)
    case .gateProjection: (.w1, .ffnNorm, .ffnNormValues, .ffnNormScales)
    case .upProjection: (.w3, .ffnNorm, .ffnNormValues, .ffnNormScales)
    case .downProjection: (.w2, .swiglu, .swigluValues, .swigluScales)
    default: (.classifier, .finalNorm, .finalNormValues, .finalNormScales)
    }
  }

  private func product(
    _ site: Site, _ layer: Int, _ position: Int, _ model: borrowing Checkpoint
  ) throws -> ExactResult {
    let (name, input, valueSite, scaleSite) = Self.weight(site)
    let inputLayer = site == .logits ? nil : layer
    switch model.matrix(name, layer: site == .logits ? 0 : layer) {
    case .float32(let matrix): return product(matrix, try record(input, inputLayer, position))
    case .int8(let matrix):
      return product(matrix, try record(valueSite, inputLayer, position), try record(scaleSite, inputLayer, position))
    }
  }

  private func product(_ matrix: MatrixView<Float>, _ x: [Double]) -> ExactResult {
    let n = Double(x.count)
    let gamma = Self.gamma(n + 1)
    let inputs = x.reduce(0) { $0 + abs($1) }
    var result = ExactResult()
    for i in 0..<matrix.rows {
      let row = matrix[row: i]
      var (sum, magnitude, weights) = (0.0, 0.0, 0.0)
      for j in x.indices {
        let w = Double(row[j])
        sum += w * x[j]
        magnitude += abs(w * x[j])
        weights += abs(w)
      }
      let lost = (1 + gamma) * Self.eta * (2 * n + weights + inputs)
      result.append(sum, magnitude > Self.greatest ? .infinity : gamma * magnitude + lost)
    }
    return result
  }

  private func product(_ matrix: QuantizedMatrixView, _ x: [Double], _ scales: [Double]) -> ExactResult {
    let size = matrix.groupSize
    let gamma = Self.gamma(Double(scales.count) + 3)
    let used = scales.count * size
    let inputs = (0..<used).reduce(0.0) { $0 + abs(x[$1]) * scales[$1 / size] }
    var result = ExactResult()
    for i in 0..<matrix.rows {
      var (sum, magnitude, weights) = (0.0, 0.0, 0.0)
      for group in scales.indices {
        // The scale at which the group of columns begins, as `runq` reads it.
        let start = i * matrix.columns + group * size
        let scale = Double(matrix.scale(ofElement: start))
        var integers = 0.0
        for k in 0..<size {
          integers += Double(matrix.values[start + k]) * x[group * size + k]
          weights += abs(Double(matrix.values[start + k])) * scale
        }
        sum += integers * scale * scales[group]
        magnitude += abs(integers * scale * scales[group])
      }
      let counts = 3 * Double(scales.count) + 127 * weights + 127 * inputs + 127 * 127 * Double(used)
      result.append(sum, gamma * magnitude + (1 + gamma) * Self.eta * counts)
    }
    return result
  }

  // MARK: - Quantization

  private static func scaleSite(_ values: Site) -> Site {
    switch values {
    case .attentionNormValues: .attentionNormScales
    case .attentionValues: .attentionScales
    case .ffnNormValues: .ffnNormScales
    case .swigluValues: .swigluScales
    default: .finalNormScales
    }
  }

  /// What a site of quantization quantizes.
  private func quantized(_ site: Site, _ layer: Int, _ position: Int) throws(TraceError) -> [Double] {
    switch site {
    case .attentionNormValues, .attentionNormScales: try record(.attentionNorm, layer, position)
    case .attentionValues, .attentionScales: try record(.attention, layer, position)
    case .ffnNormValues, .ffnNormScales: try record(.ffnNorm, layer, position)
    case .swigluValues, .swigluScales: try record(.swiglu, layer, position)
    default: try record(.finalNorm, nil, position)
    }
  }

  private func scales(_ x: [Double], _ size: Int) -> ExactResult {
    var result = ExactResult()
    for group in 0..<(x.count / size) {
      let largest = x[(group * size)..<((group + 1) * size)].map(abs).max() ?? 0
      result.append(largest / 127, 6.5 * Self.u * largest / 127 + Self.eta)
    }
    return result
  }

  /// The nearest integers; where the quotient is too close to a boundary to tell, the middle of both neighbours, so
  /// that either passes and no other does.
  private func quantizedValues(_ x: [Double], _ scales: [Double], _ size: Int) -> ExactResult {
    var result = ExactResult()
    for j in x.indices {
      guard j / size < scales.count, scales[j / size] > 0 else {
        result.append(0, 0)
        continue
      }
      let scale = scales[j / size]
      let quotient = x[j] / scale
      var slack = 8 * Self.u * (1 + abs(quotient))
      if abs(x[j]) < Self.eta { slack += Self.eta / scale }
      func nearest(_ value: Double) -> Double { max(-128, min(127, value.rounded())) }
      let (low, high) = (nearest(quotient - slack), nearest(quotient + slack))
      result.append((low + high) / 2, scale < Self.eta ? .infinity : (high - low) / 2)
    }
    return result
  }

  // MARK: - Attention

  private func scores(_ q: [Double], _ keys: [[Double]], _ sizes: Configuration) -> ExactResult {
    let n = Double(sizes.headSize)
    let gamma = Self.gamma(n + 8)
    var result = ExactResult()
    for head in 0..<sizes.headCount {
      let (own, shared) = (head * sizes.headSize, head * sizes.keyValueHeadCount / sizes.headCount * sizes.headSize)
      for key in keys {
        var (sum, magnitude, operands) = (0.0, 0.0, 0.0)
        for i in 0..<sizes.headSize {
          let (a, b) = (q[own + i], key[shared + i])
          sum += a * b
          magnitude += abs(a * b)
          operands += 2 * abs(a) + 2 * abs(b)
        }
        let lost = (1 + gamma) * Self.eta * (2 * n + 2 + operands)
        let bound = gamma * magnitude / n.squareRoot() + lost
        result.append(sum / n.squareRoot(), magnitude > Self.greatest ? .infinity : bound)
      }
    }
    return result
  }

  private func softmaxes(_ scores: [Double], length: Int) -> ExactResult {
    var result = ExactResult()
    for start in stride(from: 0, to: scores.count, by: length) {
      softmax(Array(scores[start..<(start + length)]), &result)
    }
    return result
  }

  private func softmax(_ s: [Double], _ result: inout ExactResult) {
    let (m, u, largest) = (Double(s.count), Self.u, s.max() ?? 0)
    // All -infinity, or a NaN or +infinity somewhere.
    guard largest.isFinite, s.allSatisfy({ !$0.isNaN }) else {
      for _ in s { result.append(.nan, 0) }
      return
    }
    let sum = s.reduce(0) { $0 + Double.exponential($1 - largest) }
    let mayKeepMaximum = largest > -87.34 && largest < 88.73
    for score in s {
      guard score > -.infinity else {
        result.append(0, 0)
        continue
      }
      let value = Double.exponential(score - largest) / sum
      var roundings = 3 * abs(score - largest) + 3 * log(m)
      var lost = Self.eta
      if mayKeepMaximum {
        roundings = max(roundings, 2 * abs(score) + 2 * abs(largest) + 2 * log(m))
        lost *= max(1, Double.exponential(-largest))
      }
      let theta = (m + 22 + roundings) * u
      result.append(value, theta / (1 - theta) * value + (1 + theta) * lost * (1 + m * value) + Self.eta)
    }
  }

  private func weightedSum(_ weights: [Double], _ rows: [[Double]], _ sizes: Configuration) -> ExactResult {
    let m = rows.count
    let gamma = Self.gamma(Double(m) + 2)
    var result = ExactResult()
    for head in 0..<sizes.headCount {
      let shared = head * sizes.keyValueHeadCount / sizes.headCount * sizes.headSize
      for i in 0..<sizes.headSize {
        var (sum, magnitude, operands) = (0.0, 0.0, 0.0)
        for t in 0..<m {
          let (a, v) = (weights[head * m + t], rows[t][shared + i])
          sum += a * v
          magnitude += abs(a * v)
          operands += abs(a) + abs(v)
        }
        let lost = (1 + gamma) * Self.eta * (2 * Double(m) + 1 + operands)
        result.append(sum, magnitude > Self.greatest ? .infinity : gamma * magnitude + lost)
      }
    }
    return result
  }

  // MARK: - After attention

  private func swiglu(_ gate: [Double], _ up: [Double]) -> ExactResult {
    var result = ExactResult()
    for (g, up) in zip(gate, up) {
      let sigmoid = 1 / (1 + Double.exponential(-g))
      let value = g * sigmoid * up
      let lost = Self.eta * (2 * abs(g * up) + 2 * abs(up) + 2 * abs(g) + 3)
      result.append(value, ((8 + 2 * abs(g)) * (1 - sigmoid) + 9) * Self.u * abs(value) + lost)
    }
    return result
  }

  private func residual(_ x: [Double], _ branch: [Double]) -> ExactResult {
    var result = ExactResult()
    for (x, branch) in zip(x, branch) {
      let bound = Self.u * (1 + 0x1p-10) * (abs(x + branch) + abs(branch)) + 3 * Self.eta
      result.append(x + branch, bound)
    }
    return result
  }

  /// The relative error of k roundings.
  private static func gamma(_ k: Double) -> Double { k * u / (1 - k * u) }
}
