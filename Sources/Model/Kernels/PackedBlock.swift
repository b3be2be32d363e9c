/// A block's activations with one position to a lane: groups of positions, each columns x lanes. The kernels for blocks
/// read their inputs so.
public struct PackedBlock<Scalar: Real>: ~Copyable {
  private let memory: KernelMemory<Scalar>
  private let lanes = Scalar.vectorProducts.lanes

  /// Room for blocks of up to `blockSize` positions of up to `columns` elements.
  init(blockSize: Int, columns: Int) {
    memory = KernelMemory(count: Self.paddedPositions(blockSize) * columns, zero: 0)
  }

  /// Positions with the absent ones that fill up the last group.
  static func paddedPositions(_ count: Int) -> Int {
    let lanes = Scalar.vectorProducts.lanes
    return (count + lanes - 1) / lanes * lanes
  }

  /// Number of elements that there is room for.
  var elementCount: Int { memory.count }

  /// Takes the first `count` rows.
  ///
  /// Kernel: threads write disjoint groups.
  mutating func fill(_ rows: Matrix<Scalar>, count: Int, _ team: ThreadTeam) {
    let groups = (count + lanes - 1) / lanes
    let size = rows.columns * lanes
    precondition(groups * size <= memory.count && count <= rows.rows)
    let (kernels, lanes, packed) = (Scalar.vectorProducts, lanes, memory.base)
    rows.withUnsafeElements { x in
      team.share(groups, costPerItem: size) { part in
        for group in part {
          let first = group * lanes
          kernels.pack(
            team.unit, packed + group * size, x + first * rows.columns, rows.columns, rows.columns,
            min(lanes, count - first))
        }
      }
    }
  }

  /// Lends the elements to a kernel.
  func withUnsafeElements(_ body: (UnsafePointer<Scalar>) -> Void) { body(memory.base) }

  /// Lends the elements to a kernel that writes them.
  mutating func withUnsafeMutableElements(_ body: (UnsafeMutablePointer<Scalar>) -> Void) { body(memory.base) }
}
