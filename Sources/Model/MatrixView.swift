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
