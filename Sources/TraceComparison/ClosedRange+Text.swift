extension ClosedRange<Int> {
  /// The smallest range that also holds an index.
  package func extended(to index: Int) -> ClosedRange<Int> {
    Swift.min(lowerBound, index)...Swift.max(upperBound, index)
  }

  /// As `3` or `0..11`.
  package var text: String { lowerBound == upperBound ? "\(lowerBound)" : "\(lowerBound)..\(upperBound)" }

  /// As `layer 3` or `layers 0..11`.
  func text(_ noun: String) -> String { "\(noun)\(lowerBound == upperBound ? "" : "s") \(text)" }
}
