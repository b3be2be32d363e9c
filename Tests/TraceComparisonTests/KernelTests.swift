import TestSupport
import Testing
import TraceFormat
import VectorKernels

@testable import TraceComparison

/// The kernels give the plain loops' bits, in every vector unit that this processor has.
@Suite struct KernelTests {
  static let limits = [
    Limits(rtol: 2e-4, atol: 1e-30), Limits(rtol: 0, atol: 0), Limits(rtol: 0, atol: 1e-3),
    Limits(rtol: 1e300, atol: 1e300), Limits(rtol: 0, atol: 0, isExact: true), Limits(rtol: 0, atol: 0, ulp: 0),
    Limits(rtol: 0, atol: 0, ulp: 3), Limits(rtol: 1e-6, atol: 0, ulp: 1 << 40),
    Limits(rtol: 1e-3, atol: 1e-6, ulp: 2, isExact: true),
  ]

  /// Which numbers a payload holds.
  enum Kind: CaseIterable {
    /// Of ordinary magnitude, which most kernels' time goes into.
    case ordinary
    /// Finite.
    case finite
    /// NaN and infinities too.
    case any
  }

  static func number(_ generator: inout SplitMix, _ kind: Kind) -> Float {
    if kind == .ordinary {
      let scale: Float = [1, 1, 1e-3, 1e-6, 0].randomElement(using: &generator) ?? 1
      return Float.random(in: -2...2, using: &generator) * scale
    }
    return switch Int.random(in: 0..<(kind == .any ? 12 : 7), using: &generator) {
    case 0: [0, -0.0].randomElement(using: &generator) ?? 0
    case 1: Float(bitPattern: UInt32.random(in: 1...0x7F_FFFF, using: &generator))  // subnormal
    case 2: Float(bitPattern: UInt32.random(in: 0...0x7F7F_FFFF, using: &generator))  // any magnitude
    case 7: [.infinity, -.infinity].randomElement(using: &generator) ?? 0
    case 8: Float(bitPattern: 0x7F80_0001 + UInt32.random(in: 0..<0x7F_FFFE, using: &generator))  // NaN
    case 9: Float(bitPattern: 0xFF80_0001 + UInt32.random(in: 0..<0x7F_FFFE, using: &generator))
    default: Float.random(in: -2...2, using: &generator)
    }
  }

  /// Two payloads of which some elements are equal, near, or of any kind.
  static func payloads(_ generator: inout SplitMix, count: Int) -> (expected: [Float], actual: [Float]) {
    let kind = Kind.allCases.randomElement(using: &generator) ?? .any
    // Errors far below the usual tolerance, about it, and above it.
    let size: Float = [1e-6, 1e-4, 1e-2].randomElement(using: &generator) ?? 1
    let equalShare = Int.random(in: 0...4, using: &generator)
    let expected = (0..<count).map { _ in number(&generator, kind) }
    let actual = expected.map { value in
      if Int.random(in: 0..<4, using: &generator) < equalShare { return value }
      return switch Int.random(in: 0..<6, using: &generator) {
      case 0: value.nextUp
      case 1 where kind != .ordinary: -value
      case 2 where kind != .ordinary: number(&generator, kind)
      default: value * (1 + Float.random(in: -size...size, using: &generator))
      }
    }
    return (expected, actual)
  }

  /// The plain loop's result. Printed, since NaN is not equal to itself; doubles are printed so that they read back
  /// alike.
  private static func plain(_ expected: RecordView, _ actual: RecordView, _ limits: Limits) -> String {
    var result = RecordComparison(equalElements: expected.elementCount)
    result.limits = limits
    result.compare(expected, actual, SamePair<Float>())
    result.expected = PayloadSummary(expected.payload, as: Float.self)
    result.actual = PayloadSummary(actual.payload, as: Float.self)
    return "\(result)"
  }

  @Test(arguments: 0..<60)
  func statisticsOfFloat32(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    for _ in 0..<20 {
      let count = Int.random(in: 0...(Bool.random(using: &generator) ? 100 : 400), using: &generator)
      let (expected, actual) = Self.payloads(&generator, count: count)
      // Payloads of a trace are aligned; others need not be.
      let shift = Int.random(in: 0...3, using: &generator)
      let padding = [UInt8](repeating: 0xFF, count: shift)
      let first = padding + expected.withUnsafeBytes { Array($0) }
      let second = padding + actual.withUnsafeBytes { Array($0) }
      let key = RecordKey(.logits, layer: nil, position: 0)
      let shape = TensorShape(vector: count)
      let left = RecordView(
        key: key, elementType: .float32, shape: shape, payload: first.span.bytes.extracting(shift..<first.count))
      let right = RecordView(
        key: key, elementType: .float32, shape: shape, payload: second.span.bytes.extracting(shift..<second.count))
      // The usual limits are what a kernel of its own is for.
      let isUsual = Bool.random(using: &generator)
      let limits = isUsual ? Self.limits[0] : try #require(Self.limits.randomElement(using: &generator))
      let plain = Self.plain(left, right, limits)
      for unit in VectorUnit.available {
        var result = RecordComparison(equalElements: count)
        result.limits = limits
        result.compareFloat32(left.payload, right.payload, unit: unit)
        #expect("\(result)" == plain, "seed \(seed), \(count) elements, unit \(unit.name)")
        guard count > 0 else { continue }
        let maximum = TokenFlip.firstMaximum(float32: left.payload, unit: unit)
        #expect(maximum == TokenFlip.plainFirstMaximum(left), "seed \(seed), unit \(unit.name)")
      }
    }
  }

  /// The order of a sum is one of eight running sums, and not that of the elements: these differ in the last bits.
  @Test func theOrderOfSums() {
    let values = (0..<1000).map { Float($0) * 0.1 }
    let plain = PayloadSummary(values.span.bytes, as: Float.self).rms
    let inOrder = (values.reduce(0.0) { $0 + Double($1) * Double($1) } / 1000).squareRoot()
    #expect(plain != inOrder && abs(plain - inOrder) < 1e-12)
    for unit in VectorUnit.available { #expect(PayloadSummary(float32: values.span.bytes, unit: unit).rms == plain) }
  }

  /// Every single bit that differs is seen, and every single NaN or infinity.
  @Test(arguments: [(ComparisonFormat.float32, 4), (.float64, 8), (.float16, 2), (.bfloat16, 2), (.integer, 1)])
  func bytes(format: ComparisonFormat, width: Int) {
    var generator = SplitMix(seed: 5)
    // Ordinary exponents alone, in every format.
    let clean = (0..<1280).map { index in
      index % width == width - 1 ? 0x3C : UInt8.random(in: 0...255, using: &generator)
    }
    func compared(_ first: [UInt8], _ second: [UInt8], _ unit: VectorUnit) -> ComparisonBytes {
      first.withUnsafeBytes { left in
        second.withUnsafeBytes { comparison_of_bytes(unit, left.baseAddress, $0.baseAddress, left.count, format) }
      }
    }
    for unit in VectorUnit.available {
      #expect(compared(clean, clean, unit).are_equal && compared(clean, clean, unit).are_finite)
      for place in clean.indices {
        var other = clean
        other[place] ^= 1 << UInt8(place % 8)
        #expect(!compared(clean, other, unit).are_equal, "byte \(place), unit \(unit.name)")
      }
      let infinity: [UInt8] =
        switch format {
        case .float32: [0, 0, 0x80, 0x7F]
        case .float64: [0, 0, 0, 0, 0, 0, 0xF0, 0xFF]
        case .float16: [0, 0x7C]
        case .bfloat16: [0x80, 0xFF]
        case .integer: [0xFF]
        }
      for place in stride(from: 0, to: clean.count, by: width) {
        var other = clean
        other.replaceSubrange(place..<(place + width), with: infinity)
        let result = compared(other, other, unit)
        #expect(result.are_equal && result.are_finite == (format == .integer), "byte \(place), unit \(unit.name)")
      }
    }
  }
}
