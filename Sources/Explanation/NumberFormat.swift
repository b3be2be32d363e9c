import PlatformLibc
import TraceFormat

/// A number format of fewer bits than float32.
enum NumberFormat: String, CaseIterable, Sendable {
  case bfloat16
  case float16
  case tensorFloat32 = "TF32"

  /// Bits of the significand, the leading one included.
  private var bits: Int {
    switch self {
    case .bfloat16: 8
    case .float16, .tensorFloat32: 11
    }
  }

  /// The distance of neighbouring numbers at a magnitude.
  func step(_ magnitude: Double) -> Double {
    let least = self == .float16 ? -14 : -126
    let exponent = magnitude > 0 && magnitude.isFinite ? max(Int(magnitude.exponent), least) : least
    return scalbn(1, exponent + 1 - bits)
  }

  /// The nearest number of the format, ties to even.
  func rounded(_ value: Double) -> Double {
    guard value.isFinite else { return value }
    let step = step(abs(value))
    let result = (value / step).rounded(.toNearestOrEven) * step
    return self == .float16 && abs(result) > 65504 ? .infinity * (value < 0 ? -1 : 1) : result
  }

  /// The nearest numbers of the format to exact values; nil where the values carry an error, because what an unknown
  /// value is rounded to is unknown too, and a bound that is wide enough for any excuses faults.
  func rounded(_ x: Estimate) -> Estimate? { x.isExact ? Estimate(x.values.map(rounded)) : nil }

  /// The same for several; nil where one carries an error.
  func rounded(_ estimates: [Estimate]) -> [Estimate]? {
    let result = estimates.compactMap { rounded($0) }
    return result.count == estimates.count ? result : nil
  }

  /// Whether every element is a number of the format.
  func holds(_ tensor: RecordedTensor) -> Bool { tensor.values.allSatisfy { rounded($0) == $0 } }

  /// Whether everything that is stored in a type is a number of the format, so that a tensor's elements prove nothing.
  func holdsAll(of type: ElementType) -> Bool {
    switch type {
    case .float16: self != .bfloat16
    case .bfloat16, .int8: true
    case .float32, .float64: false
    }
  }
}
