import TraceFormat

/// Where a tensor of all its layers lies in a checkpoint file.
struct TensorPlace: Sendable {
  var offset: Int
  var rows: Int
  var columns: Int
  var layers: Int
  /// nil for float32.
  var groupSize: Int?

  /// Bytes of one layer.
  var layerBytes: Int {
    let count = rows * columns
    return groupSize.map { count + count / $0 * 4 } ?? count * 4
  }

  func offset(ofLayer layer: Int) -> Int { offset + layer * layerBytes }
}

/// The layout of a checkpoint file, read from its header and checked against its length (llama2.c, `export.py`).
struct CheckpointLayout {
  static let magic: UInt32 = 0x616B_3432
  static let legacyHeaderLength = 28
  static let headerLength = 256

  let configuration: Configuration
  let version: CheckpointVersion
  let groupSize: Int?
  private(set) var places: [WeightName: TensorPlace] = [:]

  init(_ file: RawSpan) throws(CheckpointError) {
    func word(_ offset: Int) throws(CheckpointError) -> Int32 {
      guard file.byteCount - offset >= 4 else {
        throw .tooShort(part: "header", offset: offset, needed: 4, available: max(0, file.byteCount - offset))
      }
      return file.integer(at: offset, as: Int32.self)
    }
    func byte(_ offset: Int) -> UInt8 { file.integer(at: offset, as: UInt8.self) }

    let start = file.byteArray(0..<min(8, file.byteCount))
    // What looks like a tokenizer may be a checkpoint without a hidden_dim: both are said, below.
    let kind = FileKind(firstBytes: start)
    if let kind, [.trace, .golden, .zip, .npy, .text].contains(kind) { throw .otherKind(kind) }
    let isLegacy = UInt32(bitPattern: try word(0)) != Self.magic
    let first = isLegacy ? 0 : 8
    if isLegacy {
      version = .legacy
    } else {
      let number = Int(try word(4))
      guard let known = CheckpointVersion(rawValue: number), known != .legacy else { throw .unknownVersion(number) }
      version = known
    }
    let headerLength = isLegacy ? Self.legacyHeaderLength : Self.headerLength
    guard file.byteCount >= headerLength else {
      throw .tooShort(part: "header", offset: 0, needed: headerLength, available: file.byteCount)
    }
    var sizes: [Int] = []
    for index in 0..<7 { sizes.append(Int(try word(first + 4 * index))) }
    let sharesClassifier: Bool
    if isLegacy {
      sharesClassifier = sizes[5] > 0
      sizes[5] = abs(sizes[5])
    } else {
      guard byte(36) <= 1 else {
        throw .invalidHeader(offset: 36, field: "shared-classifier flag", expected: "0 or 1", found: "\(byte(36))")
      }
      sharesClassifier = byte(36) == 1
    }
    do {
      configuration = try Configuration(
        dim: sizes[0], hiddenDim: sizes[1], layerCount: sizes[2], headCount: sizes[3], keyValueHeadCount: sizes[4],
        vocabularySize: sizes[5], sequenceLength: sizes[6], sharesClassifier: sharesClassifier)
    } catch {
      throw .invalidConfiguration(
        offset: first + 4 * error.fieldIndex, error, looksLike: kind == .checkpoint ? nil : kind)
    }
    if version == .int8 {
      let size = Int(file.integer(at: 37, as: Int32.self))
      guard size > 0 else {
        throw .invalidHeader(offset: 37, field: "group size", expected: "1 or more", found: "\(size)")
      }
      groupSize = size
    } else {
      groupSize = nil
    }
    try place(fileLength: file.byteCount, headerLength: headerLength)
  }

  /// Lays the tensors out one after the other and checks that they end where the file ends.
  private mutating func place(fileLength: Int, headerLength: Int) throws(CheckpointError) {
    let sizes = configuration
    let matrices: [(WeightName, rows: Int, columns: Int)] = [
      (.wq, sizes.dim, sizes.dim), (.wk, sizes.keyValueDim, sizes.dim), (.wv, sizes.keyValueDim, sizes.dim),
      (.wo, sizes.dim, sizes.dim),
    ]
    let feedForward: [(WeightName, rows: Int, columns: Int)] = [
      (.w1, sizes.hiddenDim, sizes.dim), (.w2, sizes.dim, sizes.hiddenDim), (.w3, sizes.hiddenDim, sizes.dim),
    ]
    var cursor = LayoutCursor(offset: headerLength, fileLength: fileLength)
    func norm(_ name: WeightName, layers: Int) throws(CheckpointError) {
      places[name] = try cursor.take(name.rawValue, rows: 1, columns: sizes.dim, layers: layers, groupSize: nil)
    }
    func matrix(_ name: WeightName, _ rows: Int, _ columns: Int, layers: Int) throws(CheckpointError) {
      places[name] = try cursor.take(name.rawValue, rows: rows, columns: columns, layers: layers, groupSize: groupSize)
    }
    if version == .legacy {
      try matrix(.tokenEmbedding, sizes.vocabularySize, sizes.dim, layers: 1)
      try norm(.attentionNorm, layers: sizes.layerCount)
      for (name, rows, columns) in matrices { try matrix(name, rows, columns, layers: sizes.layerCount) }
      try norm(.ffnNorm, layers: sizes.layerCount)
      for (name, rows, columns) in feedForward { try matrix(name, rows, columns, layers: sizes.layerCount) }
      try norm(.finalNorm, layers: 1)
      // Two tables of precomputed RoPE values, which nothing has read since llama2.c computes them.
      _ = try cursor.take(
        "unused RoPE tables", rows: sizes.sequenceLength, columns: sizes.headSize, layers: 1, groupSize: nil)
    } else {
      try norm(.attentionNorm, layers: sizes.layerCount)
      try norm(.ffnNorm, layers: sizes.layerCount)
      try norm(.finalNorm, layers: 1)
      try matrix(.tokenEmbedding, sizes.vocabularySize, sizes.dim, layers: 1)
      for (name, rows, columns) in matrices + feedForward {
        try matrix(name, rows, columns, layers: sizes.layerCount)
      }
    }
    if !sizes.sharesClassifier { try matrix(.classifier, sizes.vocabularySize, sizes.dim, layers: 1) }
    guard cursor.offset == fileLength else {
      throw .trailingBytes(offset: cursor.offset, count: fileLength - cursor.offset)
    }
  }
}

/// Takes tensors from a file one after the other, with every product and sum checked.
private struct LayoutCursor {
  var offset: Int
  let fileLength: Int

  mutating func take(
    _ part: String, rows: Int, columns: Int, layers: Int, groupSize: Int?
  ) throws(CheckpointError) -> TensorPlace {
    // rows and columns are below 2^31, so their product fits into 64 bits; the rest can overflow.
    let count = rows * columns
    if let groupSize, count % groupSize != 0 {
      throw .groupSizeDoesNotDivide(groupSize: groupSize, part: part, count: count)
    }
    let place = TensorPlace(offset: offset, rows: rows, columns: columns, layers: layers, groupSize: groupSize)
    let available = fileLength - offset
    // Up to the file's length, the bytes of one layer do not overflow; those of all layers can.
    var needed: Int?
    if count <= available {
      let (product, overflow) = place.layerBytes.multipliedReportingOverflow(by: layers)
      needed = overflow ? nil : product
    }
    guard let needed, needed <= available else {
      throw .tooShort(part: part, offset: offset, needed: needed, available: available)
    }
    offset += needed
    return place
  }
}
