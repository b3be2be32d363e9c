import Model
import TraceFormat

/// The input of a matrix product.
enum ProductInput {
  case float32([Float])
  case int8([Int8], scales: [Float])

  /// The same in float32.
  var dequantized: [Float] {
    switch self {
    case .float32(let elements): return elements
    case .int8(let elements, let scales):
      guard !scales.isEmpty else { return elements.map { _ in 0 } }
      let size = elements.count / scales.count
      // Elements behind the last whole group do not count.
      return elements.indices.map { $0 / size < scales.count ? Float(elements[$0]) * scales[$0 / size] : 0 }
    }
  }

  /// The input of a product's site, from the buffers as they are now.
  init(_ site: Site, _ s: borrowing ForwardState<Float>, quantized: Bool) {
    if quantized {
      self =
        site == .downProjection
        ? .int8(values(s.hq.row(0)), scales: values(s.hs.row(0)))
        : .int8(values(s.xq.row(0)), scales: values(s.xs.row(0)))
    } else {
      switch site {
      case .downProjection: self = .float32(values(s.hb.row(0)))
      case .logits: self = .float32(values(s.x.row(0)))
      default: self = .float32(values(s.xb.row(0)))
      }
    }
  }

  /// Activations as a run prepares them for a product.
  init(_ x: [Float], groupSize: Int?) {
    guard let groupSize else {
      self = .float32(x)
      return
    }
    var quantizedValues = [Int8](repeating: 0, count: x.count)
    var scales = [Float](repeating: 0, count: x.count / groupSize)
    var valueSpan = quantizedValues.mutableSpan
    var scaleSpan = scales.mutableSpan
    quantize(&valueSpan, &scaleSpan, x.span, groupSize: groupSize)
    self = .int8(quantizedValues, scales: scales)
  }
}

/// The weights that a product's site multiplies with.
func weightName(of site: Site) -> WeightName {
  switch site {
  case .queryProjection: .wq
  case .keyProjection: .wk
  case .valueProjection: .wv
  case .outputProjection: .wo
  case .gateProjection: .w1
  case .upProjection: .w3
  case .downProjection: .w2
  case .logits: .classifier
  default: preconditionFailure("\(site.rawValue) is not a product")
  }
}

/// The product as it should be.
func product(_ weights: WeightMatrix, _ input: ProductInput) -> [Float] {
  switch weights {
  case .float32(let matrix): return Plain.product(matrix, input.dequantized.span)
  case .int8(let matrix):
    switch input {
    case .float32: preconditionFailure("int8 weights are multiplied with int8 activations")
    case .int8(let elements, let scales):
      return Plain.product(matrix, values: elements.span, scales: scales.span)
    }
  }
}

/// A product whose loop over columns ends early; in int8, within the last group that it reaches.
func product(_ weights: WeightMatrix, _ input: ProductInput, columns end: Int) -> [Float] {
  switch input {
  case .float32(let elements): product(weights, .float32(elements[..<end] + elements[end...].map { _ in 0 }))
  case .int8(let elements, let scales):
    product(weights, .int8(elements[..<end] + elements[end...].map { _ in 0 }, scales: scales))
  }
}

/// All weights of a matrix in float32, row by row.
func dequantized(_ weights: WeightMatrix) -> [Float] {
  switch weights {
  case .float32(let matrix): return values(matrix.elements)
  case .int8(let matrix):
    var result: [Float] = []
    result.reserveCapacity(matrix.values.count)
    for i in 0..<matrix.values.count { result.append(Float(matrix.values[i]) * matrix.scale(ofElement: i)) }
    return result
  }
}

/// The product of `rows` rows of float32 weights.
func product(_ weights: [Float], rows: Int, _ input: [Float]) -> [Float] {
  let columns = input.count
  return (0..<rows).map { dot(weights[($0 * columns)..<(($0 + 1) * columns)], input[...]) }
}

/// The tensors of a float32 checkpoint in the order of its file, for ports that have the place of one wrong.
struct FileOrder {
  private struct Tensor {
    let name: WeightName
    let layer: Int
    let range: Range<Int>
  }

  private var tensors: [Tensor] = []

  init(_ model: borrowing Checkpoint) {
    let layers = model.configuration.layerCount
    let matrices: [WeightName] = [.wq, .wk, .wv, .wo]
    let feedForward: [WeightName] = [.w1, .w2, .w3]
    // The unused tables of the old layout lie behind everything that is read here.
    let names: [WeightName] =
      model.version == .legacy
      ? [.tokenEmbedding, .attentionNorm] + matrices + [.ffnNorm] + feedForward + [.finalNorm]
      : [.attentionNorm, .ffnNorm, .finalNorm, .tokenEmbedding] + matrices + feedForward
    for name in names {
      for layer in 0..<(name == .tokenEmbedding || name == .finalNorm ? 1 : layers) {
        let count = Self.elements(name, layer, model) { $0.count }
        let start = tensors.last?.range.upperBound ?? 0
        tensors.append(Tensor(name: name, layer: layer, range: start..<(start + count)))
      }
    }
  }

  /// The floats from some way behind (or before) the place of a layer's tensor; 0 outside the file.
  func floats(
    _ count: Int, from name: WeightName, layer: Int, offset: Int, _ model: borrowing Checkpoint
  ) -> [Float] {
    guard let place = tensors.first(where: { $0.name == name && $0.layer == layer }) else { return [] }
    let wanted = (place.range.lowerBound + offset)..<(place.range.lowerBound + offset + count)
    var result = [Float](repeating: 0, count: count)
    for tensor in tensors where tensor.range.overlaps(wanted) {
      let part = tensor.range.clamped(to: wanted)
      Self.elements(tensor.name, tensor.layer, model) { elements in
        for i in part { result[i - wanted.lowerBound] = elements[i - tensor.range.lowerBound] }
      }
    }
    return result
  }

  private static func elements<Result>(
    _ name: WeightName, _ layer: Int, _ model: borrowing Checkpoint, _ use: (Span<Float>) -> Result
  ) -> Result {
    if [.attentionNorm, .ffnNorm, .finalNorm].contains(name) { return use(model.vector(name, layer: layer)) }
    guard case .float32(let matrix) = model.matrix(name, layer: layer) else {
      preconditionFailure("the order of the file is needed for float32 weights only")
    }
    return use(matrix.elements)
  }
}
