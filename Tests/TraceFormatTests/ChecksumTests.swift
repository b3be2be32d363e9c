import Testing
import TestSupport
import TraceFormat
import VectorKernels

@Suite struct ChecksumTests {
  /// The vectors of docs/trace-format.md, which were computed by tracefile.py.
  @Test(
    arguments: [
      ([], 0x0000_0000_0000_0000),
      ([0x00], 0x2f8f_8133_2528_2497),
      ([0x61], 0x5204_8fd6_a286_bcdd),
      (Array(1...8), 0x8f3e_3eac_5c22_5cb6),
      (Array(1...9), 0x1ccc_7cb7_73c3_1421),
      ([UInt8](repeating: 0, count: 64), 0x996a_6f81_c4ab_9047),
      (Array(0...254), 0x3524_05c7_6e97_615f),
      (Array(0...255), 0x76f3_89e5_c2d2_461a),
    ] as [([UInt8], UInt64)])
  func vectors(bytes: [UInt8], expected: UInt64) {
    for unit in VectorUnit.available {
      var checksum = Checksum(unit: unit)
      checksum.update(bytes.span.bytes)
      #expect(checksum.value == expected)
    }
  }

  @Test(arguments: [(1_048_576, 0xea52_64ae_6944_5aea), (1_048_575, 0xe618_d9b7_cb69_e3d8)] as [(Int, UInt64)])
  func longVectors(count: Int, expected: UInt64) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: 167 * $0 + $0 / 256) }
    #expect(Checksum.of(bytes.span.bytes) == expected)
  }

  /// The definition, word by word.
  private static func definition(_ bytes: [UInt8], from start: Int) -> UInt64 {
    var sum: UInt64 = 0
    for first in stride(from: start, to: bytes.count, by: 8) {
      var word: UInt64 = 0
      for i in first..<min(first + 8, bytes.count) { word |= UInt64(bytes[i]) << UInt64(8 * (i - first)) }
      var term = word ^ (UInt64((first - start) / 8 + 1) &* 0x9E37_79B9_7F4A_7C15)
      term ^= term >> 32
      term = term &* 0x9FB2_1C65
      term ^= term >> 29
      sum = sum &+ term
    }
    var hash = sum ^ (UInt64(bytes.count - start) &* 0x9E37_79B9_7F4A_7C15)
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return hash ^ (hash >> 33)
  }

  /// Every vector unit computes the definition, whatever the length and the alignment, in one piece and in two.
  @Test(arguments: VectorUnit.available)
  func unitsAgreeWithTheDefinition(unit: VectorUnit) {
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
    var random = SplitMix(seed: seed)
    for length in Array(0...300) + [1000, 4096, 10_007] {
      let offset = Int.random(in: 0..<64, using: &random)
      let bytes = (0..<(offset + length)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let span = bytes.span.bytes.extracting(offset...)
      let expected = Self.definition(bytes, from: offset)
      var whole = Checksum(unit: unit)
      whole.update(span)
      #expect(whole.value == expected, "length \(length), offset \(offset), seed \(seed)")
      let split = Int.random(in: 0...(length / 8), using: &random) * 8
      var pieces = Checksum(unit: unit)
      pieces.update(span.extracting(0..<split))
      pieces.update(span.extracting(split...))
      #expect(pieces.value == expected, "length \(length), split \(split), seed \(seed)")
    }
  }

  /// A copy is the bytes and zeros up to a multiple of 64; nothing behind is touched, and the checksum is that of the
  /// copy.
  @Test(arguments: VectorUnit.available)
  func unitsCopy(unit: VectorUnit) {
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
    var random = SplitMix(seed: seed)
    let head = (0..<64).map { UInt8(truncatingIfNeeded: $0 * 5) }
    for length in Array(0...300) + [1000, 4096, 10_007] {
      let offset = Int.random(in: 0..<64, using: &random)
      let bytes = (0..<(offset + length)).map { _ in UInt8.random(in: 0...255, using: &random) }
      let padded = head + bytes[offset...] + [UInt8](repeating: 0, count: (64 - length % 64) % 64)
      var copy = [UInt8](repeating: 0xAA, count: padded.count + 64)
      copy.replaceSubrange(0..<64, with: head)
      var checksum = Checksum(unit: unit)
      checksum.update(head.span.bytes)
      var target = copy.mutableSpan
      var targetBytes = target.mutableBytes
      var body = targetBytes._mutatingExtracting(64...)
      checksum.update(bytes.span.bytes.extracting(offset...), of: .int8, copyingTo: &body)
      #expect(copy == padded + [UInt8](repeating: 0xAA, count: 64), "length \(length), offset \(offset), seed \(seed)")
      #expect(checksum.value == Self.definition(padded, from: 0), "length \(length), offset \(offset), seed \(seed)")
    }
  }

  /// Of numbers, NaN are copied without sign and payload, and nothing else is changed.
  @Test(arguments: VectorUnit.available, [ElementType.float32, .float64])
  func unitsCopyNaN(unit: VectorUnit, type: ElementType) {
    var random = SplitMix(seed: 7)
    let special: [UInt64] =
      type == .float32
      ? [0x7F80_0000, 0xFF80_0000, 0x7F80_0001, 0xFFFF_FFFF, 0x7FC0_0000, 0xFFC0_0000, 0x8000_0000, 1]
      : [0x7FF0 << 48, 0xFFF0 << 48, 0x7FF0 << 48 | 1, UInt64.max, 0x7FF8 << 48, 0xFFF8 << 48, 1 << 63, 1]
    for count in 1...70 {
      var (bytes, expected): ([UInt8], [UInt8]) = ([], [])
      for _ in 0..<count {
        let word = Bool.random(using: &random) ? special.randomElement(using: &random) ?? 0 : random.next() >> 2
        if type == .float32 {
          let value = Float(bitPattern: UInt32(truncatingIfNeeded: word))
          bytes += littleEndianBytes(value.bitPattern)
          expected += littleEndianBytes(value.isNaN ? 0x7FC0_0000 : value.bitPattern)
        } else {
          let value = Double(bitPattern: word)
          bytes += littleEndianBytes(value.bitPattern)
          expected += littleEndianBytes(value.isNaN ? 0x7FF8 << 48 : value.bitPattern)
        }
      }
      expected += [UInt8](repeating: 0, count: (64 - expected.count % 64) % 64)
      var copy = [UInt8](repeating: 0xAA, count: expected.count)
      var checksum = Checksum(unit: unit)
      var target = copy.mutableSpan
      var body = target.mutableBytes
      checksum.update(bytes.span.bytes, of: type, copyingTo: &body)
      #expect(copy == expected, "\(count) elements")
      #expect(checksum.value == Self.definition(expected, from: 0), "\(count) elements")
    }
  }

  @Test func anyFlippedBitChangesIt() {
    var bytes = (0..<200).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let whole = Checksum.of(bytes.span.bytes)
    for bit in 0..<(bytes.count * 8) {
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      #expect(Checksum.of(bytes.span.bytes) != whole)
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
    }
  }

  /// Exchanged elements and changed signs are what a faulty model does; sums that see neither are of no use.
  @Test func exchangesAndSignsChangeIt() {
    let values = (0..<128).map { Float($0) + 0.5 }
    let whole = Checksum.of(values.span.bytes)
    for i in 0..<values.count {
      for j in 0..<i {
        var exchanged = values
        exchanged.swapAt(i, j)
        #expect(Checksum.of(exchanged.span.bytes) != whole)
        var negated = values
        negated[i].negate()
        negated[j].negate()
        #expect(Checksum.of(negated.span.bytes) != whole)
      }
    }
  }

  @Test(arguments: [0, 8, 64, 72, 128, 1000])
  func piecesMakeTheSame(split: Int) {
    let bytes = (0..<1003).map { UInt8(truncatingIfNeeded: $0 * 31) }
    var checksum = Checksum()
    checksum.update(bytes.span.bytes.extracting(0..<split))
    checksum.update(bytes.span.bytes.extracting(split..<bytes.count))
    #expect(checksum.value == Checksum.of(bytes.span.bytes))
  }

  @Test func paddingCountsAsZeros() {
    let bytes: [UInt8] = Array(1...13)
    var checksum = Checksum()
    checksum.update(bytes.span.bytes)
    checksum.pad(51)
    let padded = bytes + [UInt8](repeating: 0, count: 51)
    #expect(checksum.value == Checksum.of(padded.span.bytes))
  }

  /// Threads that read pieces come to the checksum of the whole, whatever the last piece's length.
  @Test(arguments: [0, 1, 7, 8, 1 << 20, (1 << 20) + 3, 5 << 20, (5 << 20) - 1])
  func piecesAreTheWhole(count: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ $0 >> 8) }
    for parts in [1, 2, 3] {
      let found = Checksum.of(bytes.span.bytes) { pieces, body in
        for part in 0..<parts { body((pieces * part / parts)..<(pieces * (part + 1) / parts)) }
      }
      #expect(found == Checksum.of(bytes.span.bytes))
    }
  }
}
