/// Keys or values of all positions so far, per layer: positions x kv_dim.
public struct PositionCache<Scalar: Real> {
  private let capacity: Int
  private let layerCount: Int
  private var storage: Matrix<Scalar>

  /// A cache for positions below `capacity`.
  init(layerCount: Int, capacity: Int, columns: Int) {
    self.capacity = capacity
    self.layerCount = layerCount
    storage = Matrix(rows: layerCount * capacity, columns: columns, repeating: 0)
  }

  /// All positions of a layer: capacity x kv_dim.
  @_lifetime(borrow self)
  public func layer(_ layer: Int) -> MatrixView<Scalar> {
    precondition((0..<layerCount).contains(layer))
    return storage.view(rows: (layer * capacity)..<((layer + 1) * capacity))
  }

  /// One position of a layer, to write. Shape: kv_dim.
  @_lifetime(&self)
  public mutating func mutableRow(layer: Int, position: Int) -> MutableSpan<Scalar> {
    precondition((0..<layerCount).contains(layer) && (0..<capacity).contains(position))
    return storage.mutableRow(layer * capacity + position)
  }
}
