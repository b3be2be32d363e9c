import TraceFormat

/// A shape as a golden declares it for all records of a tensor: numbers, and `p` for the number of positions up to the
/// record's own, pos + 1. As `64`, `8xp` or `scalar`.
struct ShapePattern: Equatable, Sendable {
  /// The dimensions, slowest first; nil stands for `p`.
  let dimensions: [Int?]

  /// A pattern.
  init(_ dimensions: [Int?]) { self.dimensions = dimensions }

  /// The pattern that a shape alone fits.
  init(_ shape: TensorShape) { dimensions = shape.dimensions }

  /// The shape at a position; nil where a dimension does not fit into 32 bits.
  func shape(position: Int) -> TensorShape? { TensorShape(dimensions.map { $0 ?? position + 1 }) }

  /// As it stands in a golden.
  var text: String {
    dimensions.isEmpty ? "scalar" : dimensions.map { $0.map(String.init) ?? "p" }.joined(separator: "x")
  }

  /// Reads a pattern; nil where the text is none.
  init?(_ text: some StringProtocol) {
    if text == "scalar" {
      dimensions = []
      return
    }
    var dimensions: [Int?] = []
    for part in text.split(separator: "x", omittingEmptySubsequences: false) {
      if part == "p" {
        dimensions.append(nil)
      } else {
        guard let number = decimalNumber(part), number <= UInt32.max else { return nil }
        dimensions.append(number)
      }
    }
    guard dimensions.count <= TensorShape.maximumRank else { return nil }
    self.dimensions = dimensions
  }
}

/// A number of digits alone, without leading zeros; nil for anything else.
func decimalNumber(_ text: some StringProtocol) -> Int? {
  guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
  return text.utf8.count > 1 && text.hasPrefix("0") ? nil : Int(text)
}
