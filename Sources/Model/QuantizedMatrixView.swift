/// An int8 matrix with one float32 scale per group of elements, counted over the flat row-major matrix: where the
/// number of columns is not a multiple of the group size, groups straddle rows (llama2.c `runq`).
public struct QuantizedMatrixView: ~Escapable {
  /// Number of rows.
  public let rows: Int
  /// Number of columns.
  public let columns: Int
  /// Elements per group.
  public let groupSize: Int
  /// All values, row by row.
  public let values: Span<Int8>
  /// The scales, float32, not aligned.
  let scaleBytes: RawSpan

  /// A view; traps when values or scales are not as many as the shape needs.
  ///
  /// - Parameter scaleBytes: the float32 scales, little-endian; a checkpoint does not align them.
  @_lifetime(copy values, copy scaleBytes)
  init(values: Span<Int8>, scaleBytes: RawSpan, rows: Int, columns: Int, groupSize: Int) {
    precondition(values.count == rows * columns && scaleBytes.byteCount == values.count / groupSize * 4)
    self.rows = rows
    self.columns = columns
    self.groupSize = groupSize
    self.values = values
    self.scaleBytes = scaleBytes
  }

  /// The scale of the group with a given number. Traps outside the matrix.
  @inline(__always)
  public func scale(_ group: Int) -> Float {
    scaleBytes.unsafeLoadUnaligned(fromByteOffset: group * 4, as: Float.self)
  }

  /// The scale of the element at a flat index.
  @inline(__always)
  public func scale(ofElement index: Int) -> Float { scale(index / groupSize) }
}
