import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct UlpTests {
  static let zero = Limits(rtol: 0, atol: 0)

  @Test func float32() throws {
    let pairs: [(Float, Float, UInt64)] = [
      (1, Float(1).nextUp, 1), (1, Float(1).nextDown, 1), (-1, Float(-1).nextUp, 1), (0, .leastNonzeroMagnitude, 1),
      (-.leastNonzeroMagnitude, .leastNonzeroMagnitude, 2), (1, 2, 1 << 23), (-0.0, .leastNonzeroMagnitude, 1),
      (-.greatestFiniteMagnitude, .greatestFiniteMagnitude, 2 * 0x7F7F_FFFF),
    ]
    for (expected, actual, ulps) in pairs {
      #expect(try #require(compare([expected], [actual], Self.zero)).worst?.ulpError == ulps)
    }
  }

  @Test func float64() throws {
    let pairs: [(Double, Double, UInt64)] = [
      (1, 1.0.nextUp, 1), (-1, -1.0.nextDown, 1), (0, .leastNonzeroMagnitude, 1), (1, 2, 1 << 52),
      (-.greatestFiniteMagnitude, .greatestFiniteMagnitude, 2 * 0x7FEF_FFFF_FFFF_FFFF),
    ]
    for (expected, actual, ulps) in pairs {
      #expect(try #require(compare([expected], [actual], Self.zero)).worst?.ulpError == ulps)
    }
  }

  @Test(arguments: [ElementType.float16, .bfloat16])
  func sixteenBits(type: ElementType) throws {
    let pairs: [(UInt16, UInt16, UInt64)] = [
      (0x3C00, 0x3C01, 1), (0x8001, 0x0001, 2), (0x0000, 0x0010, 16), (0xBC00, 0xBC05, 5),
    ]
    for (expected, actual, ulps) in pairs {
      let result = try #require(compare(record(type, [expected]), record(type, [actual]), Self.zero))
      #expect(result.worst?.ulpError == ulps)
    }
  }

  @Test func int8() throws {
    let first = SyntheticTrace.Record(type: .int8, shape: [3], bytes: [0x80, 5, 0])
    let second = SyntheticTrace.Record(type: .int8, shape: [3], bytes: [0x7F, 5, 1])
    let result = try #require(compare(first, second, Self.zero))
    #expect(result.greatestUlpError == 255)
    #expect(result.greatestAbsoluteError == 255)
    #expect(result.differing == 2)
    #expect(result.worst?.expected == -128)
  }

  /// Between formats the narrower one counts: float32 here.
  @Test func float32AgainstFloat64() throws {
    let value = Double(Float(0.3).nextUp.nextUp)
    for (first, second) in [
      (SyntheticTrace.Record([Float(0.3)]), SyntheticTrace.Record([value])),
      (SyntheticTrace.Record([value]), SyntheticTrace.Record([Float(0.3)])),
    ] {
      #expect(try #require(compare(first, second, Self.zero)).worst?.ulpError == 2)
    }
    let third = 1.0 / 3
    let near = try #require(
      compare(SyntheticTrace.Record([third]), SyntheticTrace.Record([Float(third)]), Limits(rtol: 0, atol: 0, ulp: 0)))
    #expect(near.passes && near.differing == 1 && !near.isIdentical)
  }

  /// Every bit pattern of the 16-bit formats is its own rounding, so it is 0 ulp from itself in float64.
  @Test(arguments: [ElementType.float16, .bfloat16])
  func everySixteenBitNumber(type: ElementType) throws {
    let patterns = (0...UInt16.max).filter {
      $0 & (type == .float16 ? 0x7C00 : 0x7F80) != (type == .float16 ? 0x7C00 : 0x7F80)
    }
    let values = patterns.map { pattern -> Double in
      let bits = UInt32(pattern)
      if type == .bfloat16 { return Double(Float(bitPattern: bits << 16)) }
      let exponent = Int(bits >> 10 & 31)
      let fraction = Double(bits & 1023)
      let power = Double(sign: .plus, exponent: max(exponent, 1) - 25, significand: 1)
      let magnitude = (exponent == 0 ? fraction : 1024 + fraction) * power
      return bits >> 15 == 0 ? magnitude : -magnitude
    }
    let same = try #require(compare(record(type, patterns), SyntheticTrace.Record(values), Self.zero))
    #expect(same.differing == 0 && same.greatestAbsoluteError == 0)
    // A quarter of a step away still rounds to the same number; three quarters reach the next.
    let nudged = zip(values, values.dropFirst()).map { $0 + ($1 - $0) / 4 }
    let near = try #require(
      compare(
        record(type, Array(patterns.dropLast())), SyntheticTrace.Record(nudged), Limits(rtol: 0, atol: 0, ulp: 0)))
    let signChange = 1
    #expect(near.beyond <= signChange)
    let far = zip(values, values.dropFirst()).map { $0 + ($1 - $0) * 0.75 }
    let next = try #require(
      compare(record(type, Array(patterns.dropLast())), SyntheticTrace.Record(far), Limits(rtol: 0, atol: 0, ulp: 0)))
    #expect(next.beyond >= patterns.count - 3)
  }

  /// A whole tensor passes by ulp alone, and not with one less.
  @Test func ulpDecides() throws {
    let expected: [Float] = [1, -2, 3e-20, 0]
    let actual = expected.map { $0.nextUp.nextUp.nextUp }
    let three = Tolerance(ulp: 3).limits(for: .site(.logits))
    let two = Tolerance(ulp: 2).limits(for: .site(.logits))
    #expect(try #require(compare(expected, actual, three)).passes)
    #expect(try #require(compare(expected, actual, two)).beyond == 4)
    #expect(try #require(compare(expected, actual, two)).ratio == 1.5)
  }
}
