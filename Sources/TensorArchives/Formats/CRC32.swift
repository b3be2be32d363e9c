/// The checksum of members of zip archives: CRC-32 with the polynomial 0xEDB88320, eight bytes at a time.
struct CRC32 {
  private var state: UInt32 = 0xFFFF_FFFF

  /// The checksum of bytes.
  ///
  /// - Complexity: O(n).
  static func of(_ bytes: RawSpan) -> UInt32 {
    var checksum = CRC32()
    checksum.update(bytes)
    return checksum.value
  }

  /// Takes in more bytes.
  mutating func update(_ bytes: RawSpan) {
    let tables = Self.tables.span
    var state = state
    var offset = 0
    while bytes.byteCount - offset >= 8 {
      let word = bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian ^ UInt64(state)
      state = 0
      for lane in 0..<8 {
        state ^= tables[(7 - lane) << 8 | Int(truncatingIfNeeded: word >> (8 * UInt64(lane)) & 0xFF)]
      }
      offset += 8
    }
    while offset < bytes.byteCount {
      let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      state = state >> 8 ^ tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)]
      offset += 1
    }
    self.state = state
  }

  /// The checksum of all bytes taken in so far.
  var value: UInt32 { ~state }

  /// Table number n, at 256 n: what a byte does to the state when n more bytes follow it.
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var state = UInt32(byte)
      for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0xEDB8_8320 : state >> 1 }
      tables[byte] = state
    }
    for index in 256..<tables.count {
      let before = tables[index - 256]
      tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()
}
