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
