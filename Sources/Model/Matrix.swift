/// Rows and columns that own their elements, row-major: the buffers of a forward pass.
public struct Matrix<Element: BitwiseCopyable> {
  /// Number of rows.
  public let rows: Int
  /// Number of columns.
  public let columns: Int
  private var storage: [Element]

  /// A matrix with one value everywhere.
  public init(rows: Int, columns: Int, repeating value: Element) {
    self.rows = rows
    self.columns = columns
    storage = Array(repeating: value, count: rows * columns)
  }

  /// All elements.
  public var view: MatrixView<Element> {
    @_lifetime(borrow self)
    get { MatrixView(storage.span, rows: rows, columns: columns) }
  }

  /// Consecutive rows. Traps outside the matrix.
  @_lifetime(borrow self)
  public func view(rows part: Range<Int>) -> MatrixView<Element> {
    let elements = storage.span.extracting((part.lowerBound * columns)..<(part.upperBound * columns))
    return MatrixView(elements, rows: part.count, columns: columns)
  }

  /// One row, to read. Traps outside the matrix.
  @_lifetime(borrow self)
  public func row(_ row: Int) -> Span<Element> {
    storage.span.extracting((row * columns)..<((row + 1) * columns))
  }

  /// One row, to write. Traps outside the matrix.
  @_lifetime(&self)
  public mutating func mutableRow(_ row: Int) -> MutableSpan<Element> {
    let all = storage.mutableSpan
    return all._consumingExtracting((row * columns)..<((row + 1) * columns))
  }

  /// Some columns of one row, to write. Traps outside the matrix.
  @_lifetime(&self)
  public mutating func mutableRow(_ row: Int, columns part: Range<Int>) -> MutableSpan<Element> {
    precondition(part.lowerBound >= 0 && part.upperBound <= columns)
    let all = storage.mutableSpan
    return all._consumingExtracting((row * columns + part.lowerBound)..<(row * columns + part.upperBound))
  }

  /// Gives all elements of a row one value.
  mutating func fillRow(_ row: Int, with value: Element) {
    var span = mutableRow(row)
    for index in 0..<span.count { span[index] = value }
  }

  /// Lends the elements of the matrix to a kernel, which writes them from several threads. An empty matrix lends some
  /// address.
  mutating func withUnsafeMutableElements(_ body: (UnsafeMutablePointer<Element>) -> Void) {
    storage.withUnsafeMutableBufferPointer { body($0.baseAddress ?? Self.nowhere) }
  }

  /// Lends the elements of the matrix to a kernel.
  func withUnsafeElements(_ body: (UnsafePointer<Element>) -> Void) {
    storage.withUnsafeBufferPointer { body($0.baseAddress ?? UnsafePointer(Self.nowhere)) }
  }

  /// Never read or written.
  private static var nowhere: UnsafeMutablePointer<Element> { UnsafeMutablePointer(bitPattern: 64).unsafelyUnwrapped }
}
