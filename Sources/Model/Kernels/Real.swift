import PlatformLibc

public import TraceFormat

/// A number format that the forward pass can compute in. The functions are the C library's for that format, so that
/// results agree with llama2.c bit for bit; square roots are correctly rounded everywhere.
public protocol Real: BinaryFloatingPoint, TraceElement {
  /// `expf` or `exp`.
  static func exponential(_ x: Self) -> Self
  /// `powf` or `pow`.
  static func power(_ base: Self, _ exponent: Self) -> Self
  /// `cosf` or `cos`.
  static func cosine(_ x: Self) -> Self
  /// `sinf` or `sin`.
  static func sine(_ x: Self) -> Self
  /// The matrix products for this format.
  static var vectorProducts: VectorProducts<Self> { get }
}

extension Float: Real {
  /// `expf`.
  @inline(__always)
  public static func exponential(_ x: Float) -> Float { expf(x) }
  /// `powf`.
  public static func power(_ base: Float, _ exponent: Float) -> Float { powf(base, exponent) }
  /// `cosf`.
  public static func cosine(_ x: Float) -> Float { cosf(x) }
  /// `sinf`.
  public static func sine(_ x: Float) -> Float { sinf(x) }
}

extension Double: Real {
  /// `exp`.
  @inline(__always)
  public static func exponential(_ x: Double) -> Double { exp(x) }
  /// `pow`.
  public static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
  /// `cos`.
  public static func cosine(_ x: Double) -> Double { cos(x) }
  /// `sin`.
  public static func sine(_ x: Double) -> Double { sin(x) }
}
