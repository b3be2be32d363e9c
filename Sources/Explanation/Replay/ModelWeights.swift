package import Model
import TraceFormat

/// A checkpoint that several threads and closures read, in float64. It owns the mapping.
package final class ModelWeights: Sendable {
  private let checkpoint: Checkpoint
  /// The checksum of the whole file, computed once.
  let fingerprint: UInt64

  /// The weights of a checkpoint.
  package init(_ checkpoint: consuming Checkpoint) {
    fingerprint = checkpoint.fingerprint()
    self.checkpoint = checkpoint
  }

  var configuration: Configuration { checkpoint.configuration }
  var groupSize: Int? { checkpoint.groupSize }

  /// Norm weights.
  func vector(_ name: WeightName, layer: Int) -> [Double] { checkpoint.doubles(name, layer) }

  /// The matrix as it is stored.
  func matrix(_ name: WeightName, layer: Int) -> WeightSource {
    let (rows, columns) = shape(name)
    let floats: WeightSource.Lender = { rows, body in self.checkpoint.withFloats(name, layer, rows, body) }
    return WeightSource(rows: rows, columns: columns, floats: checkpoint.isQuantized ? nil : floats) { row, buffer in
      self.fill(name, layer, row, &buffer)
    }
  }

  /// Output rows and input columns of a matrix.
  func shape(_ name: WeightName) -> (rows: Int, columns: Int) {
    let sizes = configuration
    switch name {
    case .wq, .wo: return (sizes.dim, sizes.dim)
    case .wk, .wv: return (sizes.keyValueDim, sizes.dim)
    case .w1, .w3: return (sizes.hiddenDim, sizes.dim)
    case .w2: return (sizes.dim, sizes.hiddenDim)
    case .tokenEmbedding, .classifier: return (sizes.vocabularySize, sizes.dim)
    case .attentionNorm, .ffnNorm, .finalNorm: return (1, sizes.dim)
    }
  }

  /// Row i. Of an int8 matrix, each value times the scale of its group, counted over the flat matrix.
  func fill(_ name: WeightName, _ layer: Int, _ row: Int, _ buffer: inout [Double]) {
    checkpoint.fill(name, layer, row, &buffer)
  }

  /// Row i of an int8 matrix as `runq` reads it: every value times the scale at which its column group begins, and
  /// nothing after the last whole group.
  func fillGrouped(_ name: WeightName, _ layer: Int, _ row: Int, _ buffer: inout [Double]) {
    checkpoint.fillGrouped(name, layer, row, &buffer)
  }

  /// Row i of an int8 matrix without its scales.
  func fillUnscaled(_ name: WeightName, _ layer: Int, _ row: Int, _ buffer: inout [Double]) {
    checkpoint.fillUnscaled(name, layer, row, &buffer)
  }

  /// Elements of the flat matrix at a constant distance: what a column-major reader takes for row i.
  func fill(_ name: WeightName, _ layer: Int, from start: Int, stride: Int, _ buffer: inout [Double]) {
    checkpoint.fill(name, layer, from: start, stride: stride, &buffer)
  }

  /// One element of the flat matrix.
  func element(_ name: WeightName, _ layer: Int, _ index: Int) -> Double { checkpoint.element(name, layer, index) }

  /// One scale of an int8 matrix; 0 past the last.
  func scale(_ name: WeightName, _ layer: Int, _ group: Int) -> Double { checkpoint.scale(name, layer, group) }

  // What follows looks at a float32 checkpoint as one array of floats, to find weights read from the wrong place.

  /// Number of float32 values in the file, from its begin on.
  var floatCount: Int { checkpoint.byteCount / 4 }

  /// Where a tensor of a float32 checkpoint begins, in floats from the file's begin.
  func floatOffset(_ name: WeightName, _ layer: Int) -> Int { checkpoint.offset(of: name, layer: layer) / 4 }

  /// A matrix read at a distance from its place; nil where that leaves the file.
  func source(_ name: WeightName, layer: Int, shiftedBy distance: Int) -> WeightSource? {
    let (rows, columns) = shape(name)
    let start = floatOffset(name, layer) + distance
    guard start >= 0, start + rows * columns <= floatCount else { return nil }
    return WeightSource(rows: rows, columns: columns) { row, buffer in
      self.checkpoint.fillFloats(from: start + row * columns, &buffer)
    }
  }

  /// The places in a range at which the following floats, times x, give about a value.
  func matches(_ x: [Double], value: Double, in range: Range<Int>) -> [Int] {
    checkpoint.matches(x.map { Float($0) }, value: value, in: range)
  }
}

extension Checkpoint {
  fileprivate borrowing func doubles(_ name: WeightName, _ layer: Int) -> [Double] {
    let span = vector(name, layer: layer)
    return span.indices.map { Double(span[$0]) }
  }

  fileprivate borrowing func fill(_ name: WeightName, _ layer: Int, _ row: Int, _ buffer: inout [Double]) {
    switch matrix(name, layer: layer) {
    case .float32(let matrix):
      let span = matrix[row: row]
      for j in 0..<span.count { buffer[j] = Double(span[j]) }
    case .int8(let matrix):
      let first = row * matrix.columns
      for j in 0..<matrix.columns {
        buffer[j] = Double(matrix.values[first + j]) * Double(matrix.scale(ofElement: first + j))
      }
    }
  }

  fileprivate borrowing func withFloats(
    _ name: WeightName, _ layer: Int, _ rows: Range<Int>, _ body: (Span<Float>) -> Void
  ) {
    guard case .float32(let matrix) = matrix(name, layer: layer) else { return }
    body(matrix.elements.extracting((rows.lowerBound * matrix.columns)..<(rows.upperBound * matrix.columns)))
  }

  fileprivate borrowing func fillGrouped(_ name: WeightName, _ layer: Int, _ row: Int, _ buffer: inout [Double]) {
    guard case .int8(let matrix) = matrix(name, layer: layer) else { return fill(name, layer, row, &buffer) }
    let (first, size) = (row * matrix.columns, matrix.groupSize)
    for start in stride(from: 0, to: matrix.columns, by: size) {
      let isWhole = start + size <= matrix.columns
      let scale = isWhole ? Double(matrix.scale(ofElement: first + start)) : 0
      for j in start..<min(start + size, matrix.columns) { buffer[j] = Double(matrix.values[first + j]) * scale }
    }
  }

  fileprivate borrowing func fillUnscaled(_ name: WeightName, _ layer: Int, _ row: Int, _ buffer: inout [Double]) {
    guard case .int8(let matrix) = matrix(name, layer: layer) else { return }
    for j in 0..<matrix.columns { buffer[j] = Double(matrix.values[row * matrix.columns + j]) }
  }

  fileprivate borrowing func fill(
    _ name: WeightName, _ layer: Int, from start: Int, stride: Int, _ buffer: inout [Double]
  ) {
    switch matrix(name, layer: layer) {
    case .float32(let matrix):
      let elements = matrix.elements
      for j in buffer.indices { buffer[j] = Double(elements[start + j * stride]) }
    case .int8(let matrix):
      for j in buffer.indices {
        let index = start + j * stride
        buffer[j] = Double(matrix.values[index]) * Double(matrix.scale(ofElement: index))
      }
    }
  }

  fileprivate borrowing func element(_ name: WeightName, _ layer: Int, _ index: Int) -> Double {
    switch matrix(name, layer: layer) {
    case .float32(let matrix): Double(matrix.elements[index])
    case .int8(let matrix): Double(matrix.values[index]) * Double(matrix.scale(ofElement: index))
    }
  }

  fileprivate borrowing func scale(_ name: WeightName, _ layer: Int, _ group: Int) -> Double {
    guard case .int8(let matrix) = matrix(name, layer: layer),
      group < matrix.rows * matrix.columns / matrix.groupSize
    else { return 0 }
    return Double(matrix.scale(group))
  }

  fileprivate borrowing func fillFloats(from start: Int, _ buffer: inout [Double]) {
    let bytes = bytes
    for j in buffer.indices {
      buffer[j] = Double(bytes.unsafeLoadUnaligned(fromByteOffset: 4 * (start + j), as: Float.self))
    }
  }

  fileprivate borrowing func matches(_ factors: [Float], value: Double, in range: Range<Int>) -> [Int] {
    let bytes = bytes
    let x = factors.span.bytes
    var hits: [Int] = []
    for place in range {
      var sums = SIMD8<Float>(repeating: 0)
      var j = 0
      while j + 8 <= factors.count {
        let weights = bytes.unsafeLoadUnaligned(fromByteOffset: 4 * (place + j), as: SIMD8<Float>.self)
        sums += weights * x.unsafeLoadUnaligned(fromByteOffset: 4 * j, as: SIMD8<Float>.self)
        j += 8
      }
      var sum = sums.sum()
      while j < factors.count {
        sum += bytes.unsafeLoadUnaligned(fromByteOffset: 4 * (place + j), as: Float.self) * factors[j]
        j += 1
      }
      if abs(Double(sum) - value) <= 1e-4 * abs(value) { hits.append(place) }
    }
    return hits
  }
}
