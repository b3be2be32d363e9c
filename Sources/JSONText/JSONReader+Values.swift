extension JSONReader {
  /// Reads a value, whatever it is.
  package mutating func value() throws(JSONError) -> JSONValue {
    switch peek() ?? 0 {
    case UInt8(ascii: "{"):
      var fields: [(String, JSONValue)] = []
      try object { (reader, key) throws(JSONError) in fields.append((key, try reader.value())) }
      return .object(fields)
    case UInt8(ascii: "["):
      var values: [JSONValue] = []
      try array { (reader) throws(JSONError) in values.append(try reader.value()) }
      return .array(values)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try numberValue()
    default:
      for (word, value) in [("null", JSONValue.null), ("true", .bool(true)), ("false", .bool(false))]
      where take(word: word) {
        return value
      }
      throw unexpected("a JSON value")
    }
  }

  /// Reads a number: an integer exactly where it fits into 64 bits, any other as the nearest float64.
  private mutating func numberValue() throws(JSONError) -> JSONValue {
    let place = offset
    let text = try number()
    if !text.utf8.contains(where: { ".eE".utf8.contains($0) }) {
      if let value = Int(text) { return .integer(value) }
      if let value = UInt64(text) { return .unsigned(value) }
    }
    guard let value = Double(text), value.isFinite else {
      throw unexpected("a number in the range of float64", found: String(text.prefix(64)), at: place)
    }
    return .number(value)
  }
}

extension JSONValue {
  /// The value that some bytes are, and nothing else.
  ///
  /// - Throws: where they are not one JSON value, nest too deep or hold a key twice.
  package init(_ bytes: some Collection<UInt8>) throws(JSONError) {
    let bytes = Array(bytes)
    var reader = JSONReader(bytes.span.bytes)
    self = try reader.value()
    try reader.requireEnd()
  }
}
