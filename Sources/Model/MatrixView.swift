/// Rows and columns over borrowed elements, row-major. It cannot outlive what it borrows from.
public struct MatrixView<Element>: ~Escapable {
  /// Number of rows.
  public let rows: Int
  /// Number of columns.
  public let columns: Int
  /// All elements, row by row.
  public let elements: Span<Element>

  /// A view; traps when the number of elements is not rows * columns.
  @_lifetime(copy elements)
  public init(_ elements: Span<Element>, rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0 && elements.count == rows * columns, "a matrix has rows * columns elements")
    self.rows = rows
    self.columns = columns
    self.elements = elements
  }

  /// One row. Traps outside the matrix.
  public subscript(row row: Int) -> Span<Element> {
    @_lifetime(copy self)
    get { elements.extracting((row * columns)..<((row + 1) * columns)) }
  }
}

/// An int8 matrix with one float32 scale per group of elements, counted over the flat row-major matrix: where the number of
/// columns is not a multiple of the group size, groups straddle rows (llama2.c `runq`).
public struct QuantizedMatrixView: ~Escapable {
  /// Number of rows.
  public let rows: Int
  /// Number of columns.
  public let columns: Int
  /// Elements per group.
  public let groupSize: Int
  /// All values, row by row.
  public let values: Span<Int8>
  private let scaleBytes: RawSpan

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

/// A weight matrix as its checkpoint stores it.
public enum WeightMatrix: ~Escapable {
  /// float32, used in place.
  case float32(MatrixView<Float>)
  /// int8 with group scales, used in place.
  case int8(QuantizedMatrixView)

  /// Number of rows: the length of the output.
  public var rows: Int {
    switch self {
    case .float32(let matrix): matrix.rows
    case .int8(let matrix): matrix.rows
    }
  }

  /// Number of columns: the length of the input.
  public var columns: Int {
    switch self {
    case .float32(let matrix): matrix.columns
    case .int8(let matrix): matrix.columns
    }
  }
}
