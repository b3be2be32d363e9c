import Testing
import TestSupport
import TraceFormat

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
    #expect(Checksum.of(bytes.span.bytes) == expected)
  }

  @Test(arguments: [(1_048_576, 0xea52_64ae_6944_5aea), (1_048_575, 0xe618_d9b7_cb69_e3d8)] as [(Int, UInt64)])
  func longVectors(count: Int, expected: UInt64) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: 167 * $0 + $0 / 256) }
    #expect(Checksum.of(bytes.span.bytes) == expected)
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
}
