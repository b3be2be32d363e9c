import TraceComparison
import TraceFormat

/// Reads one JSON value from bytes that hold nothing else.
struct JSONReader {
  /// How deep lists and objects may lie in each other.
  private static let depthLimit = 32

  private let bytes: [UInt8]
  private var place = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Reads a value. Keys that stand twice in an object are an error.
  static func value(of bytes: some Collection<UInt8>) throws(JSONError) -> JSONValue {
    var reader = JSONReader(Array(bytes))
    let value = try reader.value(depth: 0)
    reader.skipBlanks()
    guard reader.place == reader.bytes.count else { throw reader.unexpected("the end of the line") }
    return value
  }

  private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    skipBlanks()
    guard depth < Self.depthLimit else { throw unexpected("lists and objects at most \(Self.depthLimit) deep") }
    switch next ?? 0 {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default:
      for (word, value) in [("null", JSONValue.null), ("true", .bool(true)), ("false", .bool(false))]
      where bytes[place...].starts(with: word.utf8) {
        place += word.utf8.count
        return value
      }
      throw unexpected("a JSON value")
    }
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
    var fields: [(String, JSONValue)] = []
    var keys: Set<String> = []
    place += 1
    skipBlanks()
    if take("}") { return .object(fields) }
    while true {
      skipBlanks()
      let start = place
      let key = try string()
      guard keys.insert(key).inserted else {
        throw JSONError(column: start + 1, expected: "every key once", found: "'\(visibleText(key.utf8))' again")
      }
      skipBlanks()
      guard take(":") else { throw unexpected("':'") }
      fields.append((key, try value(depth: depth + 1)))
      skipBlanks()
      if take("}") { return .object(fields) }
      guard take(",") else { throw unexpected("',' or '}'") }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
    var values: [JSONValue] = []
    place += 1
    skipBlanks()
    if take("]") { return .array(values) }
    while true {
      values.append(try value(depth: depth + 1))
      skipBlanks()
      if take("]") { return .array(values) }
      guard take(",") else { throw unexpected("',' or ']'") }
    }
  }

  private mutating func string() throws(JSONError) -> String {
    guard take("\"") else { throw unexpected("'\"'") }
    var text: [UInt8] = []
    while true {
      guard let byte = next else { throw unexpected("'\"'") }
      if take("\"") { break }
      guard byte >= 0x20 else { throw unexpected("no control character in a string") }
      if take("\\") {
        text += String(try escapedScalar()).utf8
      } else {
        text.append(byte)
        place += 1
      }
    }
    guard let result = String(validating: text, as: UTF8.self) else {
      throw JSONError(column: place, expected: "UTF-8 in a string", found: "'\(visibleText(text))'")
    }
    return result
  }

  /// The character of what stands behind a backslash.
  private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
    let plain: [UInt8: Unicode.Scalar] = [
      UInt8(ascii: "\""): "\"", UInt8(ascii: "\\"): "\\", UInt8(ascii: "/"): "/", UInt8(ascii: "b"): "\u{8}",
      UInt8(ascii: "f"): "\u{C}", UInt8(ascii: "n"): "\n", UInt8(ascii: "r"): "\r", UInt8(ascii: "t"): "\t",
    ]
    if let next, let scalar = plain[next] {
      place += 1
      return scalar
    }
    let start = place
    guard take("u") else { throw unexpected("an escape such as \\n or \\u0041") }
    var code = try codeUnit()
    if (0xD800...0xDBFF).contains(code), take("\\"), take("u") {
      let low = try codeUnit()
      if (0xDC00...0xDFFF).contains(low) { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
    }
    guard let scalar = Unicode.Scalar(code) else {
      throw JSONError(column: start + 1, expected: "a pair of surrogates", found: "one alone")
    }
    return scalar
  }

  private mutating func codeUnit() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let next, let digit = Character(Unicode.Scalar(next)).hexDigitValue else {
        throw unexpected("four hexadecimal digits")
      }
      code = code << 4 + UInt32(digit)
      place += 1
    }
    return code
  }

  private mutating func number() throws(JSONError) -> JSONValue {
    let start = place
    _ = take("-")
    if !take("0") { try digits() }
    var isInteger = true
    if take(".") {
      isInteger = false
      try digits()
    }
    if take("e") || take("E") {
      isInteger = false
      if !take("+") { _ = take("-") }
      try digits()
    }
    let text = String(decoding: bytes[start..<place], as: UTF8.self)
    if isInteger, let value = Int(text) { return .integer(value) }
    if isInteger, let value = UInt64(text) { return .unsigned(value) }
    guard let value = Double(text), value.isFinite else {
      throw JSONError(column: start + 1, expected: "a number in the range of float64", found: text)
    }
    return .number(value)
  }

  private mutating func digits() throws(JSONError) {
    let start = place
    while let next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(next) { place += 1 }
    guard place > start else { throw unexpected("a digit") }
  }

  private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let next, UInt32(next) == character.value else { return false }
    place += 1
    return true
  }

  private mutating func skipBlanks() {
    while let next, next == 0x20 || next == 0x09 || next == 0x0D { place += 1 }
  }

  private func unexpected(_ expected: String) -> JSONError {
    let found = next.map { "'\(visibleText([$0]))'" } ?? "the end of the line"
    return JSONError(column: place + 1, expected: expected, found: found)
  }
}
