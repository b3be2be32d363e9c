/// Attention scores, then weights, of a block of positions: per position n_heads rows of pos + 1 columns.
///
/// Sized for every head: a buffer for one head, shared by all, is a classic mistake of ports.
public struct AttentionBuffer<Scalar: Real> {
  let headCount: Int
  private var lengths: [Int]
  private var storage: Matrix<Scalar>

  /// A buffer for blocks of up to `blockSize` positions, the last of them before `capacity`.
  init(headCount: Int, blockSize: Int, capacity: Int) {
    self.headCount = headCount
    lengths = Array(repeating: 0, count: blockSize)
    storage = Matrix(rows: blockSize, columns: headCount * capacity, repeating: 0)
  }

  /// Gives the rows of one position of the block their length, pos + 1.
  public mutating func setLength(_ length: Int, blockRow: Int) { lengths[blockRow] = length }

  /// Number of columns of one position of the block.
  public func length(blockRow: Int) -> Int { lengths[blockRow] }

  /// One head's row, to read. Shape: pos + 1.
  @_lifetime(borrow self)
  public func row(_ blockRow: Int, head: Int) -> Span<Scalar> {
    storage.row(blockRow).extracting(range(blockRow, head))
  }

  /// One head's row, to write. Shape: pos + 1.
  @_lifetime(&self)
  public mutating func mutableRow(_ blockRow: Int, head: Int) -> MutableSpan<Scalar> {
    storage.mutableRow(blockRow, columns: range(blockRow, head))
  }

  /// All heads of one position, head by head.
  @_lifetime(borrow self)
  public func elements(_ blockRow: Int) -> Span<Scalar> {
    storage.row(blockRow).extracting(0..<(headCount * lengths[blockRow]))
  }

  /// Lends all rows to a kernel: where the first head of the first position begins, and the distance of two positions'
  /// rows of head `h`, which is `stride + h`, since each row is longer by one element per head than the one before.
  ///
  /// Traps unless the first `count` rows have the lengths of consecutive positions.
  mutating func withUnsafeMutableRows(_ count: Int, _ body: (UnsafeMutablePointer<Scalar>, Int) -> Void) {
    precondition((0..<count).allSatisfy { lengths[$0] == lengths[0] + $0 })
    let stride = storage.columns
    storage.withUnsafeMutableElements { body($0, stride) }
  }

  /// The same, to read.
  func withUnsafeRows(_ count: Int, _ body: (UnsafePointer<Scalar>, Int) -> Void) {
    precondition((0..<count).allSatisfy { lengths[$0] == lengths[0] + $0 })
    storage.withUnsafeElements { body($0, storage.columns) }
  }

  private func range(_ blockRow: Int, _ head: Int) -> Range<Int> {
    precondition((0..<headCount).contains(head))
    return (head * lengths[blockRow])..<((head + 1) * lengths[blockRow])
  }
}
