import Model
import TraceFormat

extension FuzzedReaders {
  /// Reads bytes as a checkpoint; reads every weight, and runs two positions in every precision that it allows.
  package static func checkpoint(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let model: Checkpoint
    do {
      model = try Checkpoint(MappedFile(copying: bytes, name: "input"))
    } catch {
      return .refused(try message(of: error))
    }
    try requireWholeFile(model, byteCount: bytes.count)
    for precision in RunPlan.Precision.allCases { try requireForwardPass(model, precision) }
    return .accepted
  }

  /// Every byte after the header belongs to one tensor: their sizes add up to the file's length.
  private static func requireWholeFile(_ model: borrowing Checkpoint, byteCount: Int) throws(BrokenInvariant) {
    let sizes = model.configuration
    let (dim, kvDim, hiddenDim) = (sizes.dim, sizes.keyValueDim, sizes.hiddenDim)
    var total = model.version == .legacy ? 28 + sizes.sequenceLength * sizes.headSize * 4 : 256
    total += try bytesRead(model, .tokenEmbedding, rows: sizes.vocabularySize, columns: dim)
    let classifierBytes = try bytesRead(model, .classifier, rows: sizes.vocabularySize, columns: dim)
    if !sizes.sharesClassifier { total += classifierBytes }
    total += try bytesRead(model, vector: .finalNorm)
    for layer in 0..<sizes.layerCount {
      total += try bytesRead(model, vector: .attentionNorm, layer: layer)
      total += try bytesRead(model, vector: .ffnNorm, layer: layer)
      total += try bytesRead(model, .wq, layer: layer, rows: dim, columns: dim)
      total += try bytesRead(model, .wk, layer: layer, rows: kvDim, columns: dim)
      total += try bytesRead(model, .wv, layer: layer, rows: kvDim, columns: dim)
      total += try bytesRead(model, .wo, layer: layer, rows: dim, columns: dim)
      total += try bytesRead(model, .w1, layer: layer, rows: hiddenDim, columns: dim)
      total += try bytesRead(model, .w2, layer: layer, rows: dim, columns: hiddenDim)
      total += try bytesRead(model, .w3, layer: layer, rows: hiddenDim, columns: dim)
    }
    let (expected, found) = (byteCount, total)
    try require(found == expected, "the tensors of a file of \(expected) bytes take \(found)")
  }

  /// Reads a vector, and returns how many bytes it takes in the file.
  private static func bytesRead(
    _ model: borrowing Checkpoint, vector name: WeightName, layer: Int = 0
  ) throws(BrokenInvariant) -> Int {
    let weights = model.vector(name, layer: layer)
    let (expected, found) = (model.configuration.dim, weights.count)
    try require(found == expected, "\(name.rawValue) has \(found) elements, not \(expected)")
    var sum: Float = 0
    for index in 0..<weights.count { sum += weights[index] }
    use(sum)
    return weights.count * 4
  }

  /// Reads a matrix, scales included, and returns how many bytes it takes in the file.
  private static func bytesRead(
    _ model: borrowing Checkpoint, _ name: WeightName, layer: Int = 0, rows: Int, columns: Int
  ) throws(BrokenInvariant) -> Int {
    let weights = model.matrix(name, layer: layer)
    let (foundRows, foundColumns) = (weights.rows, weights.columns)
    try require(
      foundRows == rows && foundColumns == columns,
      "\(name.rawValue) is \(foundRows) x \(foundColumns), not \(rows) x \(columns)")
    var sum: Float = 0
    switch weights {
    case .float32(let matrix):
      for row in 0..<rows {
        let elements = matrix[row: row]
        for column in 0..<columns { sum += elements[column] }
      }
      use(sum)
      return rows * columns * 4
    case .int8(let matrix):
      for index in 0..<(rows * columns) { sum += Float(matrix.values[index]) * matrix.scale(ofElement: index) }
      use(sum)
      return rows * columns + rows * columns / matrix.groupSize * 4
    }
  }

  /// Keeps the compiler from dropping the reads whose sum this is.
  @inline(never)
  private static func use(_ sum: Float) {}

  private static func requireForwardPass(
    _ model: borrowing Checkpoint, _ precision: RunPlan.Precision
  ) throws(BrokenInvariant) {
    let sizes = model.configuration
    let tokens = [0, sizes.vocabularySize - 1].prefix(sizes.sequenceLength)
    let plan: RunPlan
    do {
      plan = try RunPlan(model, precision: precision, steps: tokens.count, input: .forced(Array(tokens)))
    } catch {
      throw BrokenInvariant("tokens of the vocabulary can be run: \(error)")
    }
    let groupSize = plan.isQuantized(model) ? model.groupSize : nil
    var observer = ShapeChecker(sizes: sizes, groupSize: groupSize)
    let result = try run(plan, model: model, tokenizer: nil, observer: &observer, print: { _ in })
    try require(result.tokens == Array(tokens), "a forced run takes the tokens it was given")
    let sites = Site.all(quantized: groupSize != nil)
    let perPosition = sites.reduce(0) { $0 + ($1.scope == .layer ? sizes.layerCount : 1) }
    let observed = observer.count
    try require(observed == perPosition * tokens.count, "a run computes every site: \(observed) of \(perPosition)")
  }
}

/// Counts the tensors of a run, and checks their shapes.
private struct ShapeChecker: ForwardObserver {
  let sizes: Configuration
  let groupSize: Int?
  private(set) var count = 0

  init(sizes: Configuration, groupSize: Int?) {
    self.sizes = sizes
    self.groupSize = groupSize
  }

  mutating func begin(position: Int, token: Int) throws(FuzzedReaders.BrokenInvariant) {}

  func wants(_ site: Site, layer: Int?, position: Int) -> Bool { true }

  mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
  ) throws(FuzzedReaders.BrokenInvariant) {
    let expected = sizes.length(of: site, groupSize: groupSize) ?? sizes.headCount * positions.upperBound
    let (rows, columns) = (values.rows, values.columns)
    try FuzzedReaders.require(
      rows == positions.count && columns == expected, "\(site.rawValue) is \(rows) x \(columns), not \(expected) wide")
    count += rows
  }
}
