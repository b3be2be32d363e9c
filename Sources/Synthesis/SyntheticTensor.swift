import Model

/// One tensor of one layer: its shape and what its elements are.
struct SyntheticTensor {
  /// How elements are drawn.
  enum Values {
    /// Bell-shaped around `mean`.
    case bell(mean: Float, deviation: Double)
    /// Bell-shaped around zero, with a smaller deviation in the rows of control and byte tokens.
    case tokenRows(deviation: Double)
    /// The same, in part correlated with the matrix of the same shape that another stream gives.
    case correlatedTokenRows(VariateStream, correlation: Double, deviation: Double)
    /// Bell-shaped around a multiple of another matrix, read by columns.
    case bellAround(ColumnMultiple, deviation: Double)
    /// Uniform in -1..<1.
    case uniform
  }

  /// A multiple of a matrix of which each block of `blockRows` rows stands `repeats` times: element (i, c) is
  /// `multiple` times the matrix's element (row of c, i).
  struct ColumnMultiple {
    let stream: VariateStream
    /// Number of columns of the matrix.
    let columns: Int
    let deviation: Double
    let multiple: Double
    let blockRows: Int
    let repeats: Int

    @inline(__always)
    func index(row: Int, column: Int) -> Int {
      (column / (blockRows * repeats) * blockRows + column % blockRows) * columns + row
    }
  }

  /// llama2.c's name.
  let name: String
  let rows: Int
  let columns: Int
  let values: Values
  let stream: VariateStream

  /// Number of elements; the sizes are below 2^31, so it does not overflow.
  var count: Int { rows * columns }

  /// Fills the first `count` places of `buffer` with the elements from `first` on, in row-major order.
  ///
  ///     element = mean + bell * (deviation / deviation of bell)
  ///
  /// Factors are computed in Double and rounded once; the rest is one rounded float32 operation at a time.
  func fill(_ buffer: inout [Float], from first: Int, count: Int) {
    switch values {
    case .uniform:
      for index in 0..<count { buffer[index] = stream.uniform(first + index) }
    case .bell(let mean, let deviation):
      let factor = Self.factor(deviation)
      for index in 0..<count {
        let variate = stream.bell(first + index) * factor
        buffer[index] = mean + variate
      }
    case .bellAround(let other, let deviation):
      let factor = Self.factor(deviation)
      let otherFactor = Self.factor(other.deviation * other.multiple)
      for index in 0..<count {
        let (row, column) = (first + index).quotientAndRemainder(dividingBy: columns)
        let mean = other.stream.bell(other.index(row: row, column: column)) * otherFactor
        let variate = stream.bell(first + index) * factor
        buffer[index] = mean + variate
      }
    case .tokenRows(let deviation):
      eachRow(from: first, count: count) { row, indices in
        let factor = Self.factor(deviation * Self.reduction(ofToken: row))
        for index in indices { buffer[index] = stream.bell(first + index) * factor }
      }
    case .correlatedTokenRows(let other, let correlation, let deviation):
      let ownShare = (1 - correlation * correlation).squareRoot()
      eachRow(from: first, count: count) { row, indices in
        let factor = Self.factor(deviation * Self.reduction(ofToken: row))
        let ownFactor = factor * Float(ownShare)
        let otherFactor = factor * Float(correlation)
        for index in indices {
          let mean = other.bell(first + index) * otherFactor
          let variate = stream.bell(first + index) * ownFactor
          buffer[index] = mean + variate
        }
      }
    }
  }

  /// Calls `body` with each row of a stretch of elements, and with the row's places in the buffer.
  private func eachRow(from first: Int, count: Int, _ body: (_ row: Int, _ indices: Range<Int>) -> Void) {
    var index = 0
    while index < count {
      let row = (first + index) / columns
      let end = min(count, (row + 1) * columns - first)
      body(row, index..<end)
      index = end
    }
  }

  private static func factor(_ deviation: Double) -> Float { Float(deviation / VariateStream.bellDeviation) }

  /// Control tokens, then byte tokens, get small rows in the embedding and the classifier, so that the largest logit is
  /// seldom one of theirs: greedy runs do not end at once, and print words.
  private static func reduction(ofToken token: Int) -> Double {
    switch token {
    case 0..<SyntheticTokenizer.firstByteToken: 0.25
    case SyntheticTokenizer.firstByteToken..<SyntheticTokenizer.firstTextToken: 0.5
    default: 1
    }
  }
}
