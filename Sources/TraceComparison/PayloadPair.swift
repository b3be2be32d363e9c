import TraceFormat

/// Two payloads that are compared element by element.
protocol PayloadPair {
  /// The elements at a place, and whether their bits differ. The place must lie in both payloads.
  func load(_ expected: RawSpan, _ actual: RawSpan, at index: Int) -> (expected: Double, actual: Double, differ: Bool)
  /// The distance in representable numbers between the elements at a place.
  func ulps(_ expected: RawSpan, _ actual: RawSpan, at index: Int) -> UInt64
}

/// Two payloads of one format.
struct SamePair<Element: PayloadElement>: PayloadPair {
  @inline(__always)
  private func element(_ payload: RawSpan, _ index: Int) -> Element {
    let offset = index &* MemoryLayout<Element>.stride
    return payload.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Element.self)
  }

  @inline(__always)
  func load(_ expected: RawSpan, _ actual: RawSpan, at index: Int) -> (expected: Double, actual: Double, differ: Bool) {
    let (first, second) = (element(expected, index), element(actual, index))
    return (first.real, second.real, first.bits != second.bits)
  }

  @inline(__always)
  func ulps(_ expected: RawSpan, _ actual: RawSpan, at index: Int) -> UInt64 {
    ulpDistance(element(expected, index).order, element(actual, index).order)
  }
}

/// Two payloads of different formats, compared in float64.
///
/// Ulps are counted in the narrower of the two formats, to which both values are rounded first: the one with fewer bits
/// in its significand (bfloat16, float16, float32, float64, from narrow to wide). Against int8 whole units are counted.
struct MixedPair: PayloadPair {
  let expectedType: ElementType
  let actualType: ElementType

  func load(_ expected: RawSpan, _ actual: RawSpan, at index: Int) -> (expected: Double, actual: Double, differ: Bool) {
    let (first, second) = (expectedType.load(expected, at: index), actualType.load(actual, at: index))
    return (first, second, first.bitPattern != second.bitPattern)
  }

  func ulps(_ expected: RawSpan, _ actual: RawSpan, at index: Int) -> UInt64 {
    let (first, second) = (expectedType.load(expected, at: index), actualType.load(actual, at: index))
    return ElementType.narrower(expectedType, actualType).ulps(first, second)
  }
}

extension ElementType {
  /// The one of two formats with fewer bits in its significand.
  static func narrower(_ first: ElementType, _ second: ElementType) -> ElementType {
    first.significandBits <= second.significandBits ? first : second
  }

  /// Bits of the significand, the hidden one included.
  var significandBits: Int {
    switch self {
    case .int8: 7
    case .bfloat16: 8
    case .float16: 11
    case .float32: 24
    case .float64: 53
    }
  }

  /// The place of a value in the order of the format's representable numbers, after rounding it to the format.
  func order(of value: Double) -> Int64 {
    switch self {
    case .float64: value.order
    case .float32: Float(value).order
    case .float16: HalfElement(rounding: value).order
    case .bfloat16: BrainElement(rounding: value).order
    case .int8: Int64(value.isNaN ? 0 : min(max(value.rounded(), -9e18), 9e18))
    }
  }

  /// The distance of two numbers in this format's ulps.
  func ulps(_ first: Double, _ second: Double) -> UInt64 {
    guard self == .int8 else { return ulpDistance(order(of: first), order(of: second)) }
    let distance = abs(first - second).rounded(.up)
    return distance < 0x1p63 ? UInt64(distance) : .max
  }
}

extension HalfElement {
  /// The nearest half-precision number, ties to even.
  init(rounding value: Double) {
    let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
    let magnitude = abs(value)
    if value.isNaN {
      pattern = sign | 0x7E00
    } else if magnitude >= 65520 {
      pattern = sign | 0x7C00
    } else {
      let exponent = max(magnitude == 0 ? -14 : Int(magnitude.exponent), -14)
      let steps = (magnitude * Double(sign: .plus, exponent: 10 - exponent, significand: 1)).rounded(.toNearestOrEven)
      // A step count of 2048 carries into the exponent, which the addition does by itself.
      pattern = sign | UInt16((exponent + 14) << 10) &+ UInt16(steps)
    }
  }
}

extension BrainElement {
  /// The nearest bfloat16 number, ties to even.
  init(rounding value: Double) {
    let sign: UInt16 = value.sign == .minus ? 0x8000 : 0
    let magnitude = abs(value)
    if value.isNaN {
      pattern = sign | 0x7FC0
    } else if magnitude >= 0x1.FFp127 {
      pattern = sign | 0x7F80
    } else {
      let exponent = max(magnitude == 0 ? -126 : Int(magnitude.exponent), -126)
      // In two exact steps, since the factor itself may exceed float64's range.
      let scaled = magnitude * Double(sign: .plus, exponent: -exponent, significand: 1) * 128
      pattern = sign | UInt16((exponent + 126) << 7) &+ UInt16(scaled.rounded(.toNearestOrEven))
    }
  }
}
