import TraceFormat

extension NpyHeader {
  /// The header of an array in C order, a multiple of 64 bytes long.
  ///
  /// - Parameter descriptor: numpy's name of the type, as `<f4`.
  static func encoded(_ descriptor: String, _ shape: [Int]) -> [UInt8] {
    let lengths = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    let text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': (\(lengths)), }"
    let fixed = magic.count + 4
    let total = (fixed + text.utf8.count + 1 + 63) / 64 * 64
    let padding = [UInt8](repeating: UInt8(ascii: " "), count: total - fixed - text.utf8.count - 1)
    return magic + [1, 0] + littleEndian(UInt16(total - fixed)) + Array(text.utf8) + padding + [UInt8(ascii: "\n")]
  }

  /// numpy's names of the types of records. It has no bfloat16; two bytes of nothing known can be viewed as one with
  /// the package ml_dtypes.
  static func descriptor(_ type: ElementType) -> String {
    switch type {
    case .float64: "<f8"
    case .float32: "<f4"
    case .float16: "<f2"
    case .bfloat16: "|V2"
    case .int8: "|i1"
    }
  }
}
