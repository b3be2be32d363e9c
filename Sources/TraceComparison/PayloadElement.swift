import TraceFormat

/// A number as it lies in a payload.
protocol PayloadElement: BitwiseCopyable {
  /// The value; float64 holds every format exactly.
  var real: Double { get }
  /// Place in the order of the format's representable numbers; both zeros are 0.
  var order: Int64 { get }
  /// The bits, to tell what is equal in value but not the same.
  var bits: UInt64 { get }
}

extension Float: PayloadElement {
  var real: Double { Double(self) }
  var order: Int64 { orderOfSignMagnitude(UInt64(bitPattern), width: 32) }
  var bits: UInt64 { UInt64(bitPattern) }
}

extension Double: PayloadElement {
  var real: Double { self }
  var order: Int64 { orderOfSignMagnitude(bitPattern, width: 64) }
  var bits: UInt64 { bitPattern }
}

extension Int8: PayloadElement {
  var real: Double { Double(self) }
  var order: Int64 { Int64(self) }
  var bits: UInt64 { UInt64(UInt8(bitPattern: self)) }
}

/// IEEE 754 half precision.
struct HalfElement: PayloadElement {
  var pattern: UInt16

  var real: Double { Double(halfPrecision: pattern) }
  var order: Int64 { orderOfSignMagnitude(UInt64(pattern), width: 16) }
  var bits: UInt64 { UInt64(pattern) }
}

/// The upper half of a float32.
struct BrainElement: PayloadElement {
  var pattern: UInt16

  var real: Double { Double(Float(bitPattern: UInt32(pattern) << 16)) }
  var order: Int64 { orderOfSignMagnitude(UInt64(pattern), width: 16) }
  var bits: UInt64 { UInt64(pattern) }
}

/// The place of a sign-magnitude number in ascending order, with both zeros at 0.
@inline(__always)
private func orderOfSignMagnitude(_ bits: UInt64, width: Int) -> Int64 {
  let sign = UInt64(1) << UInt64(width - 1)
  let magnitude = Int64(bitPattern: bits & (sign - 1))
  return bits & sign == 0 ? magnitude : -magnitude
}

/// How many steps from one representable number to the next lie between two places in their order.
@inline(__always)
func ulpDistance(_ first: Int64, _ second: Int64) -> UInt64 {
  UInt64(bitPattern: first > second ? first &- second : second &- first)
}
