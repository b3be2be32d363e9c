/// A block's activations with one position to a lane: groups of positions, each columns x lanes. The kernels for blocks
/// read their inputs so.
public struct PackedBlock<Scalar: Real> {
  private var storage: [Scalar]
  private let lanes = Scalar.vectorProducts.lanes

  /// Room for blocks of up to `blockSize` positions of up to `columns` elements.
  init(blockSize: Int, columns: Int) {
    let groups = (blockSize + lanes - 1) / lanes
    storage = Array(repeating: 0, count: groups * lanes * columns)
  }

  /// Takes columns of the first `count` rows, to the place of part `part` of parts of this size.
  ///
  /// Kernel: threads write disjoint groups.
  mutating func fill(_ rows: Matrix<Scalar>, columns: Range<Int>, count: Int, _ team: ThreadTeam) {
    let groups = (count + lanes - 1) / lanes
    let size = columns.count * lanes
    precondition(groups * size <= storage.count && columns.upperBound <= rows.columns && count <= rows.rows)
    let kernels = Scalar.vectorProducts
    storage.withUnsafeMutableBufferPointer { buffer in
      guard let packed = buffer.baseAddress else { return }
      rows.withUnsafeElements { x in
        team.share(groups, costPerItem: size) { part in
          for group in part {
            let first = group * lanes
            kernels.pack(
              team.unit, packed + group * size, x + first * rows.columns + columns.lowerBound, rows.columns,
              columns.count, min(lanes, count - first))
          }
        }
      }
    }
  }

  /// Lends the elements to a kernel.
  func withUnsafeElements(_ body: (UnsafePointer<Scalar>) -> Void) {
    storage.withUnsafeBufferPointer { buffer in
      if let base = buffer.baseAddress { body(base) }
    }
  }

  /// Lends the elements to a kernel that writes them.
  mutating func withUnsafeMutableElements(_ body: (UnsafeMutablePointer<Scalar>) -> Void) {
    storage.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { body(base) }
    }
  }
}
