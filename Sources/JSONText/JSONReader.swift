import TraceFormat

/// Reads JSON (RFC 8259) piece by piece, as whoever calls expects it, so that nothing is held but what is wanted.
///
/// Unlike general readers it refuses two equal keys in one object. Every error says where.
package struct JSONReader: ~Escapable {
  /// How deep lists and objects may lie in each other.
  package static let depthLimit = 32

  private let bytes: RawSpan
  private let end: Int
  private var cursor: Int
  private var depth = 0

  /// A reader of a range of some bytes, or of all of them. Offsets count from the beginning of the bytes.
  @_lifetime(copy bytes)
  package init(_ bytes: RawSpan, _ range: Range<Int>? = nil) {
    self.bytes = bytes
    end = range?.upperBound ?? bytes.byteCount
    cursor = range?.lowerBound ?? 0
  }

  /// Where the next byte stands.
  package var offset: Int { cursor }

  /// An error about what comes next, or at another place.
  package func invalid(_ what: String, expected: String, found: String, at offset: Int? = nil) -> JSONError {
    JSONError(offset: offset ?? cursor, what: what, expected: expected, found: found)
  }

  /// An error about what is no JSON: what comes next, or what stands at another place.
  func unexpected(_ expected: String, found: String? = nil, at offset: Int? = nil) -> JSONError {
    invalid("JSON text", expected: expected, found: found ?? shownNext, at: offset)
  }

  private var shownNext: String {
    let next = bytes.byteArray(cursor..<min(end, cursor + 12))
    return next.isEmpty ? "the end of the text" : "'\(visibleText(next))'"
  }

  /// The next byte behind blanks; nil at the end.
  package mutating func peek() -> UInt8? {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { cursor += 1 }
    return next
  }

  /// Nothing but blanks may follow.
  package mutating func requireEnd() throws(JSONError) {
    guard peek() == nil else { throw unexpected("nothing more") }
  }

  /// Reads an object; the body must read the value of every key.
  package mutating func object(
    _ body: (inout JSONReader, String) throws(JSONError) -> Void
  ) throws(JSONError) {
    var keys: Set<[UInt8]> = []
    try list("{", "}") { (reader) throws(JSONError) in
      _ = reader.peek()
      let place = reader.cursor
      let key = try reader.text()
      // Texts of different bytes can be equal as strings.
      guard keys.insert(key.bytes).inserted else {
        throw reader.unexpected("every key once", found: "'\(visibleText(key.bytes))' again", at: place)
      }
      guard reader.take(":") else { throw reader.unexpected("':'") }
      try body(&reader, key.string)
    }
  }

  /// Reads a list; the body must read every value.
  package mutating func array(_ body: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
    try list("[", "]", body)
  }

  private mutating func list(
    _ first: UnicodeScalar, _ last: UnicodeScalar, _ element: (inout JSONReader) throws(JSONError) -> Void
  ) throws(JSONError) {
    guard peek() == UInt8(ascii: first) else { throw unexpected("'\(first)'") }
    guard depth < Self.depthLimit else { throw unexpected("lists and objects at most \(Self.depthLimit) deep") }
    cursor += 1
    depth += 1
    if !take(last) {
      repeat { try element(&self) } while take(",")
      guard take(last) else { throw unexpected("',' or '\(last)'") }
    }
    depth -= 1
  }

  /// Reads a number, as it is written.
  package mutating func number() throws(JSONError) -> String {
    _ = peek()
    let start = cursor
    _ = skip("-")
    let hasLeadingZero = next == UInt8(ascii: "0")
    guard try digits() == 1 || !hasLeadingZero else {
      cursor = start
      throw unexpected("a number without leading zeros")
    }
    if skip(".") { _ = try digits() }
    if skip("e") || skip("E") {
      _ = skip("+") || skip("-")
      _ = try digits()
    }
    return String(decoding: bytes.byteArray(start..<cursor), as: UTF8.self)
  }

  private mutating func digits() throws(JSONError) -> Int {
    let start = cursor
    while let byte = next, (0x30...0x39).contains(byte) { cursor += 1 }
    guard cursor > start else { throw unexpected("a digit") }
    return cursor - start
  }

  /// Passes over `null`, `true` or `false`, if that is what comes next.
  package mutating func take(word: String) -> Bool {
    _ = peek()
    let length = word.utf8.count
    guard end - cursor >= length, bytes.byteArray(cursor..<(cursor + length)) == Array(word.utf8) else { return false }
    cursor += length
    return true
  }

  /// Reads a string.
  package mutating func string() throws(JSONError) -> String { try text().string }

  private mutating func text() throws(JSONError) -> (bytes: [UInt8], string: String) {
    guard take("\"") else { throw unexpected("'\"'") }
    let start = cursor
    var text: [UInt8] = []
    while let byte = next, byte != UInt8(ascii: "\"") {
      guard byte >= 0x20 else { throw unexpected("no control character in a string") }
      cursor += 1
      if byte == UInt8(ascii: "\\") {
        text += String(try escapedScalar()).utf8
      } else {
        text.append(byte)
      }
    }
    guard skip("\"") else { throw unexpected("the end of a string") }
    guard let string = String(validating: text, as: UTF8.self) else {
      throw unexpected("UTF-8 in a string", found: "'\(visibleText(text.prefix(64)))'", at: start)
    }
    return (text, string)
  }

  /// The character of what stands behind a backslash.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    let start = cursor
    if let byte = next, let plain = Self.escapes[byte] {
      cursor += 1
      return plain
    }
    guard skip("u") else { throw unexpected("an escape such as \\n or \\u0041") }
    var code = try codeUnit()
    if (0xD800...0xDBFF).contains(code), skip("\\"), skip("u") {
      let low = try codeUnit()
      if (0xDC00...0xDFFF).contains(low) { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = Unicode.Scalar(code) else {
      throw unexpected("a pair of surrogates", found: "one alone", at: start)
    }
    return scalar
  }

  private static let escapes: [UInt8: Unicode.Scalar] = [
    UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
    UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
  ]

  private mutating func codeUnit() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw unexpected("four hexadecimal digits")
      }
      code = code << 4 + UInt32(digit)
      cursor += 1
    }
    return code
  }

  private var next: UInt8? { cursor < end ? bytes.integer(at: cursor, as: UInt8.self) : nil }

  /// Passes over a character, if it comes next.
  private mutating func skip(_ character: UnicodeScalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    cursor += 1
    return true
  }

  /// Passes over blanks and a character, if it comes next.
  private mutating func take(_ character: UnicodeScalar) -> Bool {
    _ = peek()
    return skip(character)
  }
}
