import Model
import TraceFormat

/// How the rows of a matrix are read: as the checkpoint holds them, or as a mistake would read them.
///
/// A row is filled into a buffer of float64; int8 weights are dequantized, which is exact.
struct WeightSource: Sendable {
  typealias Lender = @Sendable (_ rows: Range<Int>, _ body: (Span<Float>) -> Void) -> Void

  /// Number of outputs.
  let rows: Int
  /// Number of inputs.
  let columns: Int
  /// Fills row i into a buffer of `columns` elements.
  let fill: @Sendable (_ row: Int, _ buffer: inout [Double]) -> Void
  /// Lends consecutive rows in place; nil where they are not float32 numbers as the checkpoint holds them.
  let floats: Lender?

  init(
    rows: Int, columns: Int, floats: Lender? = nil,
    fill: @escaping @Sendable (_ row: Int, _ buffer: inout [Double]) -> Void
  ) {
    self.rows = rows
    self.columns = columns
    self.floats = floats
    self.fill = fill
  }
}
