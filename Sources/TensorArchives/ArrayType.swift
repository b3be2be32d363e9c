package import TraceFormat

/// The number format of a stored array's elements, all little-endian.
package enum ArrayType: String, CaseIterable, Sendable {
  /// IEEE 754 double precision.
  case float64
  /// IEEE 754 single precision.
  case float32
  /// IEEE 754 half precision.
  case float16
  /// The upper half of a float32.
  case bfloat16
  /// Some 8-bit floating-point format.
  case float8
  /// Signed integers.
  case int64
  case int32
  case int16
  case int8
  /// Unsigned integers.
  case uint64
  case uint32
  case uint16
  case uint8
  /// Truth values of a byte.
  case bool
  /// Two bytes of which the file does not say what they are: numpy's `V2`, which is what it makes of bfloat16.
  case bytes2

  /// Bytes per element.
  package var size: Int {
    switch self {
    case .float64, .int64, .uint64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16, .bytes2: 2
    case .float8, .int8, .uint8, .bool: 1
    }
  }

  /// The same as a record's format; nil where records cannot have it.
  package var elementType: ElementType? {
    switch self {
    case .float64: .float64
    case .float32: .float32
    case .float16: .float16
    case .bfloat16: .bfloat16
    case .int8: .int8
    default: nil
    }
  }

  /// Whether its elements can be bfloat16 if somebody says so.
  package var mayBeBFloat16: Bool { self == .bytes2 || self == .uint16 || self == .bfloat16 }

  /// An integer of a type that tokens can have; nil where the type is another or the number does not fit.
  package func loadInteger(_ bytes: RawSpan, at offset: Int) -> Int? {
    switch self {
    case .int64: Int(exactly: bytes.integer(at: offset, as: Int64.self))
    case .int32: Int(bytes.integer(at: offset, as: Int32.self))
    case .int16: Int(bytes.integer(at: offset, as: Int16.self))
    case .int8: Int(bytes.integer(at: offset, as: Int8.self))
    case .uint64: Int(exactly: bytes.integer(at: offset, as: UInt64.self))
    case .uint32: Int(bytes.integer(at: offset, as: UInt32.self))
    case .uint16: Int(bytes.integer(at: offset, as: UInt16.self))
    case .uint8: Int(bytes.integer(at: offset, as: UInt8.self))
    default: nil
    }
  }

  /// Whether its elements are integers.
  package var isInteger: Bool {
    switch self {
    case .int64, .int32, .int16, .int8, .uint64, .uint32, .uint16, .uint8: true
    default: false
    }
  }
}
