/// The layers and positions at which a trace was to record a tensor.
struct RecordedBox {
  let layers: ClosedRange<Int>
  let positions: ClosedRange<Int>

  /// What a header says; where it says nothing, all.
  init(_ header: TraceHeader) {
    layers = Self.range(header[integer: .firstLayer], header[integer: .lastLayer])
    positions = Self.range(header[integer: .firstPosition], header[integer: .lastPosition])
  }

  private static func range(_ first: Int?, _ last: Int?) -> ClosedRange<Int> {
    let first = first ?? 0
    return first...max(first, last ?? Int.max)
  }

  /// Whether others leave no layer and position of it out.
  ///
  /// - Parameter ignoresLayers: whether the tensor is outside the layers.
  func isCovered(by boxes: [RecordedBox], ignoresLayers: Bool) -> Bool {
    if ignoresLayers { return Self.cover(positions, boxes.map(\.positions)) }
    // From one of these layers to the next the same boxes reach. After Int.max comes none.
    let changes = boxes.flatMap { [$0.layers.lowerBound, $0.layers.upperBound &+ 1] } + [layers.lowerBound]
    return Set(changes.filter(layers.contains)).allSatisfy { layer in
      Self.cover(positions, boxes.filter { $0.layers.contains(layer) }.map(\.positions))
    }
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
