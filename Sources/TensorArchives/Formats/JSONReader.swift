import TraceFormat

/// Reads JSON (RFC 8259) piece by piece, as whoever calls expects it, so that nothing is held but what is wanted, and no text is
/// nested deeper than its reader's calls.
///
/// Unlike general readers it refuses two equal keys in one object, and it says where something is wrong.
struct JSONReader: ~Escapable {
  /// The file, for messages.
  let file: String
  private let bytes: RawSpan
  private let end: Int
  private var cursor: Int

  /// A reader of some bytes of a file.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan, _ range: Range<Int>, file: String) {
    self.bytes = bytes.extracting(0..<range.upperBound)
    end = range.upperBound
    cursor = range.lowerBound
    self.file = file
  }

  /// Where in the file the next byte stands.
  var offset: Int { cursor }

  /// An error about what comes next, or at another place.
  func invalid(_ what: String, expected: String, found: String, at offset: Int? = nil) -> ArchiveError {
    ArchiveError(file, .offset(offset ?? cursor), .invalid(what, expected: expected, found: found))
  }

  private func unexpected(_ expected: String) -> ArchiveError {
    let found = bytes.prefix(12, at: cursor)
    return invalid("JSON text", expected: expected, found: found.isEmpty ? "its end" : visibleText(found))
  }

  private var next: UInt8? { cursor < end ? bytes.integer(at: cursor, as: UInt8.self) : nil }

  private mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { cursor += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard next == byte else { return false }
    cursor += 1
    return true
  }

  private mutating func require(_ character: UnicodeScalar) throws(ArchiveError) {
    guard take(UInt8(ascii: character)) else { throw unexpected("'\(character)'") }
  }

  /// Nothing but blanks may follow.
  mutating func requireEnd() throws(ArchiveError) {
    skipBlanks()
    guard cursor == end else { throw unexpected("nothing more") }
  }

  /// What the next value is: its first byte; nil at the end.
  mutating func peek() -> UInt8? {
    skipBlanks()
    return next
  }

  /// Reads an object; the body must read the value of every key.
  mutating func object(
    _ body: (inout JSONReader, String) throws(ArchiveError) -> Void
  ) throws(ArchiveError) {
    var keys: Set<[UInt8]> = []
    try require("{")
    guard !take(UInt8(ascii: "}")) else { return }
    repeat {
      skipBlanks()
      let place = cursor
      let key = try string()
      guard keys.insert(Array(key.utf8)).inserted else { throw ArchiveError(file, .offset(place), .duplicateName(key)) }
      try require(":")
      try body(&self, key)
    } while take(UInt8(ascii: ","))
    try require("}")
  }

  /// Reads a list; the body must read every value.
  mutating func array(_ body: (inout JSONReader) throws(ArchiveError) -> Void) throws(ArchiveError) {
    try require("[")
    guard !take(UInt8(ascii: "]")) else { return }
    repeat { try body(&self) } while take(UInt8(ascii: ","))
    try require("]")
  }

  /// Reads a list of integers that are not negative.
  mutating func integers() throws(ArchiveError) -> [Int] {
    var values: [Int] = []
    try array { (reader) throws(ArchiveError) in
      let place = reader.offset
      guard let value = Int(try reader.number()), value >= 0 else {
        throw reader.invalid("number", expected: "an integer from 0 to 2^63 - 1", found: "another", at: place)
      }
      values.append(value)
    }
    return values
  }

  /// Reads a number, as it is written.
  mutating func number() throws(ArchiveError) -> String {
    skipBlanks()
    let start = cursor
    if next == UInt8(ascii: "-") { advance() }
    let first = next
    guard try digits() == 1 || first != UInt8(ascii: "0") else { throw unexpected("a number without leading zeros") }
    if next == UInt8(ascii: ".") {
      advance()
      _ = try digits()
    }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      advance()
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { advance() }
      _ = try digits()
    }
    return String(decoding: bytes.byteArray(start..<cursor), as: UTF8.self)
  }

  private mutating func advance() { cursor += 1 }

  private mutating func digits() throws(ArchiveError) -> Int {
    let start = cursor
    while let byte = next, (0x30...0x39).contains(byte) { cursor += 1 }
    guard cursor > start else { throw unexpected("a digit") }
    return cursor - start
  }

  /// Reads `null`.
  mutating func null() throws(ArchiveError) {
    skipBlanks()
    guard bytes.holds(Array("null".utf8), at: cursor), end - cursor >= 4 else { throw unexpected("null") }
    cursor += 4
  }

  /// Reads a string.
  mutating func string() throws(ArchiveError) -> String {
    try require("\"")
    let start = cursor
    var text: [UInt8] = []
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        guard let result = String(validating: text, as: UTF8.self) else {
          throw invalid("string", expected: "UTF-8 text", found: visibleText(text.prefix(64)), at: start)
        }
        cursor += 1
        return result
      case UInt8(ascii: "\\"): try escape(&text)
      case 0..<0x20: throw unexpected("no control character in a string")
      default:
        text.append(byte)
        cursor += 1
      }
    }
    throw unexpected("the end of a string")
  }

  private mutating func escape(_ text: inout [UInt8]) throws(ArchiveError) {
    cursor += 1
    guard let byte = next else { throw unexpected("a character after the backslash") }
    if byte == UInt8(ascii: "u") {
      text += Array(String(Character(try scalar())).utf8)
      return
    }
    guard let plain = Self.escapes[byte] else {
      throw unexpected("one of the characters \"\\/bfnrtu after the backslash")
    }
    text.append(plain)
    cursor += 1
  }

  private static let escapes: [UInt8: UInt8] = [
    UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    UInt8(ascii: "/"): UInt8(ascii: "/"),
    UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
  ]

  /// Reads `uXXXX` behind a backslash, two of them where the first is half of a pair.
  private mutating func scalar() throws(ArchiveError) -> UnicodeScalar {
    let start = cursor
    var value = try codeUnit()
    if (0xD800..<0xDC00).contains(value), bytes.holds(Array("\\u".utf8), at: cursor) {
      cursor += 1
      let low = try codeUnit()
      if (0xDC00..<0xE000).contains(low) { value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = UnicodeScalar(value) else {
      throw invalid("escape in a string", expected: "a character", found: "half of a surrogate pair", at: start)
    }
    return scalar
  }

  private mutating func codeUnit() throws(ArchiveError) -> UInt32 {
    cursor += 1
    let digits = bytes.prefix(min(4, max(0, end - cursor)), at: cursor)
    let isHexadecimal = digits.count == 4 && digits.allSatisfy { UnicodeScalar($0).properties.isASCIIHexDigit }
    guard isHexadecimal, let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16) else {
      throw unexpected("four hexadecimal digits")
    }
    cursor += 4
    return value
  }
}
