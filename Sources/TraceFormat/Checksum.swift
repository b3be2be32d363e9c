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

  private var sum: UInt64 = 0
  private var words: UInt64 = 0
  private var byteCount: UInt64 = 0

  /// The checksum of nothing yet.
  public init() {}

  /// The checksum of `bytes`.
  ///
  /// - Complexity: O(n), at memory speed.
  public static func of(_ bytes: RawSpan) -> UInt64 {
    var checksum = Checksum()
    checksum.update(bytes)
    return checksum.value
  }

  /// Takes in more bytes. Every piece but the last must be a multiple of 8 bytes long.
  public mutating func update(_ bytes: RawSpan) {
    precondition(byteCount % 8 == 0, "only the last piece may end inside a word")
    let wholeWords = bytes.byteCount / 8
    sum &+= Self.sumOfTerms(bytes, wordCount: wholeWords, firstIndex: words)
    words += UInt64(wholeWords)
    if bytes.byteCount % 8 != 0 {
      var last: UInt64 = 0
      for offset in (wholeWords * 8)..<bytes.byteCount {
        last |= UInt64(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) << UInt64((offset % 8) * 8)
      }
      sum &+= Self.term(last, index: words)
      words += 1
    }
    byteCount += UInt64(bytes.byteCount)
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

  @inline(__always)
  private static func term(_ word: UInt64, index: UInt64) -> UInt64 {
    mix(word ^ ((index &+ 1) &* gamma))
  }

  @inline(__always)
  private static func mix(_ keyed: UInt64) -> UInt64 {
    let folded = (keyed ^ (keyed >> 32)) &* multiplier
    return folded ^ (folded >> 29)
  }

  /// The sum over whole words. Kernel: eight words at a time, each lane with its own running sum and key, so that no
  /// addition waits for another and the compiler can use vector registers; the order of a sum of integers is free.
  private static func sumOfTerms(_ bytes: RawSpan, wordCount: Int, firstIndex: UInt64) -> UInt64 {
    bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      var total: UInt64 = 0
      var index = 0
      if wordCount >= 8 {
        var sums = SIMD8<UInt64>(repeating: 0)
        var keys = SIMD8<UInt64>(1, 2, 3, 4, 5, 6, 7, 8)
        keys = (keys &+ firstIndex) &* SIMD8(repeating: gamma)
        let step = SIMD8(repeating: 8 &* gamma)
        let factor = SIMD8(repeating: multiplier)
        while index + 8 <= wordCount {
          let words = base.loadUnaligned(fromByteOffset: index * 8, as: SIMD8<UInt64>.self)
          var terms = words ^ keys
          terms = (terms ^ (terms &>> 32)) &* factor
          sums &+= terms ^ (terms &>> 29)
          keys &+= step
          index += 8
        }
        total = sums.wrappedSum()
      }
      while index < wordCount {
        let word = base.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
        total &+= term(word, index: firstIndex &+ UInt64(index))
        index += 1
      }
      return total
    }
  }
}
