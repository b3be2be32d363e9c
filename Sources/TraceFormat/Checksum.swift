import Synchronization
package import VectorKernels

/// The checksum of chunks and the fingerprint of checkpoints, as `docs/trace-format.md` defines it.
///
/// It is a sum of one term per 64-bit word, so words can be taken in any order and in any number of lanes:
///
///     t = word ^ ((i + 1) * G);  t ^= t >> 32;  t *= M;  t ^= t >> 29;  sum += t
///
/// A term is a one-to-one function of its word: a change confined to one word always changes the checksum.
public struct Checksum: Sendable {
  private static let gamma: UInt64 = 0x9E37_79B9_7F4A_7C15
  private static let multiplier: UInt64 = 0x0000_0000_9FB2_1C65

  private let unit: VectorUnit
  private var sum: UInt64 = 0
  private var words: UInt64 = 0
  private var byteCount: UInt64 = 0

  /// The checksum of nothing yet.
  public init() { self.init(unit: .widest) }

  /// The checksum of nothing yet, computed by one of the vector units that this processor has; all give the same.
  package init(unit: VectorUnit) { self.unit = unit }

  /// The checksum of `bytes`.
  ///
  /// - Complexity: O(n), at memory speed.
  public static func of(_ bytes: RawSpan) -> UInt64 {
    var checksum = Checksum()
    checksum.update(bytes)
    return checksum.value
  }

  /// The checksum of bytes that several threads read.
  ///
  /// - Parameter share: calls its body for parts of 0..<count that together cover it, on as many threads as it likes.
  package static func of(_ bytes: RawSpan, share: (Int, (Range<Int>) -> Void) -> Void) -> UInt64 {
    let sum = Atomic<UInt64>(0)
    let pieceLength = 1 << 20
    bytes.withUnsafeBytes { buffer in
      nonisolated(unsafe) let buffer = buffer
      share((buffer.count + pieceLength - 1) / pieceLength) { pieces in
        let start = pieces.lowerBound * pieceLength
        let piece = buffer[start..<min(buffer.count, pieces.upperBound * pieceLength)]
        let part = checksum_sum(
          .widest, UnsafeRawBufferPointer(rebasing: piece).baseAddress, piece.count, UInt64(start / 8))
        sum.wrappingAdd(part, ordering: .relaxed)
      }
    }
    var checksum = Checksum()
    checksum.sum = sum.load(ordering: .relaxed)
    checksum.byteCount = UInt64(bytes.byteCount)
    return checksum.value
  }

  /// Takes in more bytes. Every piece but the last must be a multiple of 8 bytes long.
  public mutating func update(_ bytes: RawSpan) {
    precondition(byteCount % 8 == 0, "only the last piece may end inside a word")
    sum &+= bytes.withUnsafeBytes { checksum_sum(unit, $0.baseAddress, $0.count, words) }
    words += UInt64((bytes.byteCount + 7) / 8)
    byteCount += UInt64(bytes.byteCount)
  }

  /// Takes in bytes while copying them to the beginning of `target`, where zeros follow up to a multiple of 64 bytes;
  /// these are taken in too. NaN of `type` are copied as the one without sign or payload. Traps where `target` is
  /// shorter.
  package mutating func update(_ bytes: RawSpan, of type: ElementType, copyingTo target: inout MutableRawSpan) {
    let numbers =
      switch type {
      case .float32: CHECKSUM_FLOAT32
      case .float64: CHECKSUM_FLOAT64
      case .float16, .bfloat16, .int8: CHECKSUM_BYTES
      }
    let length = ChunkLayout.roundedUp(bytes.byteCount)
    precondition(byteCount % 8 == 0 && length <= target.byteCount, "the copy and its padding need room")
    sum &+= bytes.withUnsafeBytes { source in
      target.withUnsafeMutableBytes {
        checksum_copy(unit, $0.baseAddress, source.baseAddress, source.count, words, numbers)
      }
    }
    words += UInt64(length / 8)
    byteCount += UInt64(length)
  }

  /// Takes in `count` zero bytes that complete a word begun by the last piece and go on with whole words: the
  /// padding of a chunk. What was taken in and the padding must come to a multiple of 8 bytes.
  package mutating func pad(_ count: Int) {
    byteCount += UInt64(count)
    precondition(byteCount % 8 == 0, "padding ends at a whole word")
    while words < byteCount / 8 {
      sum &+= Self.term(0, index: words)
      words += 1
    }
  }

  /// Treats the word at `index`, taken in as `word`, as if it had been zero: a chunk's own checksum field.
  package mutating func blank(_ word: UInt64, at index: UInt64) {
    sum &+= Self.term(0, index: index) &- Self.term(word, index: index)
  }

  /// The checksum of all bytes taken in so far.
  public var value: UInt64 {
    var hash = sum ^ (byteCount &* Self.gamma)
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    hash = (hash ^ (hash >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return hash ^ (hash >> 33)
  }

  private static func term(_ word: UInt64, index: UInt64) -> UInt64 {
    let keyed = word ^ ((index &+ 1) &* gamma)
    let folded = (keyed ^ (keyed >> 32)) &* multiplier
    return folded ^ (folded >> 29)
  }
}
