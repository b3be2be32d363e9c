import Model
import TraceFormat

/// A checkpoint of one version: its header, its tensors in order, and its length.
///
///     v0      | 28-byte header | embedding, attention norms, wq..wo, ffn norms, w1..w3, final norm, RoPE, [wcls] |
///     v1, v2  | 256-byte header | attention norms, ffn norms, final norm, embedding, wq..w3, [wcls] |
///
/// Each name stands for the tensors of all layers. In v2 every matrix is its int8 values, then its float32 group
/// scales.
struct SyntheticLayout {
  let model: SyntheticModel
  let version: CheckpointVersion
  /// Elements per quantization group; nil for float32.
  let groupSize: Int?
  /// Length of the file.
  let byteCount: Int

  private static let magic: UInt32 = 0x616B_3432
  private static let headerLength = 256

  /// Elements that are drawn at a time.
  private static let blockLength = 1 << 16

  init(_ model: SyntheticModel, version: CheckpointVersion, groupSize: Int?) throws(SynthesisError) {
    let size = version == .int8 ? groupSize ?? model.defaultGroupSize : nil
    if let size, !(1...Int(Int32.max)).contains(size) { throw .groupSizeOutOfRange(size) }
    self.model = model
    self.version = version
    self.groupSize = size
    var total = version == .legacy ? 28 : Self.headerLength
    for part in Self.parts(version, model.configuration) {
      let bytes = try Self.byteCount(of: model.tensor(part, layer: 0), part, groupSize: size)
      let all = bytes.multipliedReportingOverflow(by: part.isPerLayer ? model.configuration.layerCount : 1)
      let sum = total.addingReportingOverflow(all.partialValue)
      guard !all.overflow, !sum.overflow else { throw .tooLarge }
      total = sum.partialValue
    }
    byteCount = total
  }

  private static func byteCount(
    of tensor: SyntheticTensor, _ part: Part, groupSize: Int?
  ) throws(SynthesisError) -> Int {
    let count = tensor.count
    guard let groupSize, part.isMatrix else {
      let bytes = count.multipliedReportingOverflow(by: 4)
      guard !bytes.overflow else { throw .tooLarge }
      return bytes.partialValue
    }
    guard count % groupSize == 0 else {
      throw .groupSizeDoesNotDivide(groupSize: groupSize, tensor: tensor.name, count: count)
    }
    let scales = (count / groupSize).multipliedReportingOverflow(by: 4)
    let bytes = count.addingReportingOverflow(scales.partialValue)
    guard !scales.overflow, !bytes.overflow else { throw .tooLarge }
    return bytes.partialValue
  }

  private static func parts(_ version: CheckpointVersion, _ sizes: Configuration) -> [Part] {
    let attention: [Part] = [.wq, .wk, .wv, .wo]
    let feedForward: [Part] = [.w1, .w2, .w3]
    let classifier: [Part] = sizes.sharesClassifier ? [] : [.classifier]
    if version == .legacy {
      return [.embedding, .attentionNorm] + attention + [.ffnNorm] + feedForward + [.finalNorm, .rotation] + classifier
    }
    return [.attentionNorm, .ffnNorm, .finalNorm, .embedding] + attention + feedForward + classifier
  }

  /// Hands the whole file to `write`, piece by piece.
  func emit(_ write: ByteSink) throws(SynthesisError) {
    try write(header.span.bytes)
    for part in Self.parts(version, model.configuration) {
      for layer in 0..<(part.isPerLayer ? model.configuration.layerCount : 1) {
        let tensor = model.tensor(part, layer: layer)
        if let groupSize, part.isMatrix {
          try emitQuantized(tensor, groupSize: groupSize, write)
        } else {
          try emitBlocks(of: tensor, blockLength: Self.blockLength) { block, count throws(SynthesisError) in
            try write(block.span.extracting(0..<count).bytes)
          }
        }
      }
    }
  }

  private var header: [UInt8] {
    let sizes = model.configuration
    let isLegacy = version == .legacy
    let vocabulary = isLegacy && !sizes.sharesClassifier ? -sizes.vocabularySize : sizes.vocabularySize
    let fields = [
      sizes.dim, sizes.hiddenDim, sizes.layerCount, sizes.headCount, sizes.keyValueHeadCount, vocabulary,
      sizes.sequenceLength,
    ].flatMap { littleEndianBytes(Int32($0)) }
    guard !isLegacy else { return fields }
    var bytes = littleEndianBytes(Self.magic) + littleEndianBytes(Int32(version.rawValue)) + fields
    bytes.append(sizes.sharesClassifier ? 1 : 0)
    if let groupSize { bytes += littleEndianBytes(Int32(groupSize)) }
    return bytes + [UInt8](repeating: 0, count: Self.headerLength - bytes.count)
  }

  private func emitBlocks(
    of tensor: SyntheticTensor, blockLength: Int,
    _ body: (_ block: borrowing [Float], _ count: Int) throws(SynthesisError) -> Void
  ) throws(SynthesisError) {
    var block = [Float](repeating: 0, count: min(blockLength, tensor.count))
    var first = 0
    while first < tensor.count {
      let count = min(block.count, tensor.count - first)
      tensor.fill(&block, from: first, count: count)
      try body(block, count)
      first += count
    }
  }

  /// The values, then the scales. The tensor is drawn twice, so that no more than a block, or one group where that is
  /// longer, is in memory.
  private func emitQuantized(
    _ tensor: SyntheticTensor, groupSize: Int, _ write: ByteSink
  ) throws(SynthesisError) {
    let blockLength = max(groupSize, Self.blockLength / groupSize * groupSize)
    var values = [Int8](repeating: 0, count: min(blockLength, tensor.count))
    var scales = [Float](repeating: 0, count: values.count / groupSize)
    try emitBlocks(of: tensor, blockLength: blockLength) { block, count throws(SynthesisError) in
      quantize(block, count: count, groupSize: groupSize, &values, &scales)
      try write(values.span.extracting(0..<count).bytes)
    }
    try emitBlocks(of: tensor, blockLength: blockLength) { block, count throws(SynthesisError) in
      groupScales(block, count: count, groupSize: groupSize, &scales)
      try write(scales.span.extracting(0..<(count / groupSize)).bytes)
    }
  }
}

/// The scale of each group of `groupSize` elements: max|w| / 127 (llama2.c, `export.py`, `quantize_q80`).
func groupScales(_ block: [Float], count: Int, groupSize: Int, _ scales: inout [Float]) {
  for group in 0..<(count / groupSize) {
    var largest: Float = 0
    for index in (group * groupSize)..<((group + 1) * groupSize) { largest = max(largest, block[index].magnitude) }
    scales[group] = largest / 127
  }
}

/// Symmetric quantization by groups (llama2.c, `export.py`, `quantize_q80`): q = w / scale, rounded to the nearest
/// integer, halves to even as `torch.round` does. A group of zeros gives zeros.
func quantize(_ block: [Float], count: Int, groupSize: Int, _ values: inout [Int8], _ scales: inout [Float]) {
  groupScales(block, count: count, groupSize: groupSize, &scales)
  for group in 0..<(count / groupSize) {
    let scale = scales[group]
    for index in (group * groupSize)..<((group + 1) * groupSize) {
      // The quotient is at most 127 and a rounding error, so the conversion cannot trap.
      values[index] = scale > 0 ? Int8((block[index] / scale).rounded(.toNearestOrEven)) : 0
    }
  }
}
