extension RecordedRange {
  /// The names that were to be recorded: where the layers were restricted, none outside the layers.
  var promisedNames: Set<TensorName> {
    let names = Set((sites ?? []).map { TensorName($0) })
    return layersWereRestricted ? names.filter { $0.site.map { $0.scope == .layer } ?? true } : names
  }

  /// Whether others leave no layer and position of it out.
  ///
  /// - Parameter ignoresLayers: whether the tensor is outside the layers.
  func isCovered(by others: [RecordedRange], ignoresLayers: Bool) -> Bool {
    guard let positions else { return true }
    if ignoresLayers { return Self.cover(positions, others.compactMap(\.positions)) }
    guard let layers else { return true }
    // From one of these layers to the next the same others reach. After Int.max comes none.
    let changes = others.compactMap(\.layers).flatMap { [$0.lowerBound, $0.upperBound &+ 1] } + [layers.lowerBound]
    return Set(changes.filter(layers.contains)).allSatisfy { layer in
      Self.cover(positions, others.filter { $0.layers?.contains(layer) ?? false }.compactMap(\.positions))
    }
  }

  private var positions: ClosedRange<Int>? {
    firstPosition <= lastPosition ? firstPosition...lastPosition : nil
  }

  /// Whether ranges leave no number of a range out.
  private static func cover(_ whole: ClosedRange<Int>, _ ranges: [ClosedRange<Int>]) -> Bool {
    var next = whole.lowerBound
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      guard range.lowerBound <= next else { return false }
      if range.upperBound >= whole.upperBound { return true }
      next = max(next, range.upperBound + 1)
    }
    return false
  }
}
