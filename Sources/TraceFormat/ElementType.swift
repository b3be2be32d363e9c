/// The number format of a record's elements; the raw value is the byte that stands in the file.
public enum ElementType: UInt8, CaseIterable, Sendable {
  /// IEEE 754 single precision.
  case float32 = 1
  /// IEEE 754 double precision.
  case float64 = 2
  /// IEEE 754 half precision.
  case float16 = 3
  /// The upper half of a float32.
  case bfloat16 = 4
  /// Signed bytes.
  case int8 = 5

  /// Bytes per element.
  public var size: Int {
    switch self {
    case .float32: 4
    case .float64: 8
    case .float16, .bfloat16: 2
    case .int8: 1
    }
  }

  /// The name used in reports.
  public var name: String {
    switch self {
    case .float32: "float32"
    case .float64: "float64"
    case .float16: "float16"
    case .bfloat16: "bfloat16"
    case .int8: "int8"
    }
  }
}

/// A Swift type that can be recorded in place.
public protocol TraceElement: BitwiseCopyable, Sendable {
  /// The format in the file.
  static var elementType: ElementType { get }
}

extension Float: TraceElement {
  /// float32.
  public static var elementType: ElementType { .float32 }
}

extension Double: TraceElement {
  /// float64.
  public static var elementType: ElementType { .float64 }
}

extension Int8: TraceElement {
  /// int8.
  public static var elementType: ElementType { .int8 }
}
