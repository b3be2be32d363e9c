import Model

/// One tensor of one layer: its shape and what its elements are.
struct SyntheticTensor {
  /// How elements are drawn.
  enum Values {
    /// Bell-shaped around `mean`.
    case bell(mean: Float, deviation: Double)
    /// Bell-shaped around zero, with a smaller deviation in the rows of control and byte tokens.
    case tokenRows(deviation: Double)
    /// Uniform in -1..<1.
    case uniform
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
  /// The factor is computed in Double and rounded once, so an element takes two float32 operations at most.
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
    case .tokenRows(let deviation):
      var index = 0
      while index < count {
        let row = (first + index) / columns
        let end = min(count, (row + 1) * columns - first)
        let factor = Self.factor(deviation * Self.reduction(ofToken: row))
        while index < end {
          buffer[index] = stream.bell(first + index) * factor
          index += 1
        }
      }
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
