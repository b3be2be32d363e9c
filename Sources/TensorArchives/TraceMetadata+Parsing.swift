import JSONText
import TraceFormat

extension TraceMetadata {
  /// Reads the JSON text of an export.
  ///
  /// - Parameters:
  ///   - range: where in the file it stands.
  ///   - file: the name for messages.
  init(_ bytes: RawSpan, _ range: Range<Int>, file: String) throws(ArchiveError) {
    var reader = JSONReader(bytes, range)
    do throws(JSONError) { try self.init(&reader) } catch { throw ArchiveError(file, error) }
  }

  private init(_ reader: inout JSONReader) throws(JSONError) {
    let start = reader.offset
    var header = TraceHeader(producer: "")
    var tokens: [Int: TraceToken] = [:]
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "producer": header.producer = try Self.producer(&reader)
      case "fields":
        try reader.object { (reader, name) throws(JSONError) in
          header.fields[name] = try Self.field(&reader, name)
        }
      case "tokens":
        try reader.array { (reader) throws(JSONError) in
          let place = reader.offset
          let (position, token) = try Self.token(&reader)
          guard tokens.updateValue(token, forKey: position) == nil else {
            throw reader.invalid(
              "token", expected: "every position once", found: "position \(position) again", at: place)
          }
        }
      default: throw reader.invalid("key", expected: "producer, fields or tokens", found: "'\(key)'")
      }
    }
    try reader.requireEnd()
    guard !header.producer.isEmpty else {
      throw reader.invalid("trace", expected: "a producer", found: "none", at: start)
    }
    self.init(header: header, tokens: tokens)
  }

  private static func producer(_ reader: inout JSONReader) throws(JSONError) -> String {
    let place = reader.offset
    let producer = try reader.string()
    guard (1...TraceHeader.producerLength).contains(producer.utf8.count), !producer.utf8.contains(0) else {
      throw reader.invalid(
        "producer", expected: "1 to \(TraceHeader.producerLength) bytes, none of them zero", found: "'\(producer)'",
        at: place)
    }
    return producer
  }

  private static func field(_ reader: inout JSONReader, _ name: String) throws(JSONError) -> HeaderValue {
    let place = reader.offset
    guard TraceHeader.isValidName(Array(name.utf8)), name != TraceHeader.reservedName else {
      throw reader.invalid(
        "name of a header field", expected: "1 to 64 of the characters a-z, 0-9 and _", found: "'\(name)'", at: place)
    }
    let value = try value(&reader)
    guard HeaderField(rawValue: name).map({ $0.type == value.typeLetter }) ?? true else {
      throw reader.invalid("header field \(name)", expected: "another type", found: "\(value)", at: place)
    }
    return value
  }

  private static func value(_ reader: inout JSONReader) throws(JSONError) -> HeaderValue {
    switch reader.peek() {
    case UInt8(ascii: "\""): return .text(Array(try reader.string().utf8))
    case UInt8(ascii: "{"): return try encodedValue(&reader)
    default: break
    }
    let place = reader.offset
    let number = try reader.number()
    if number.contains(where: { ".eE".contains($0) }) {
      if let real = Double(number), real.isFinite { return .real(real) }
    } else if let integer = Int64(number) {
      return .integer(integer)
    }
    throw reader.invalid("number", expected: "one that fits into 64 bits", found: number, at: place)
  }

  /// Reads `{"hex": "..."}` or `{"bits": "..."}`.
  private static func encodedValue(_ reader: inout JSONReader) throws(JSONError) -> HeaderValue {
    var value: HeaderValue?
    let place = reader.offset
    try reader.object { (reader, key) throws(JSONError) in
      let bytes = Self.bytes(hexadecimal: try reader.string())
      switch (key, bytes) {
      case ("hex", let bytes?): value = .text(bytes)
      case ("bits", let bytes?) where bytes.count == 8:
        value = .real(Double(bitPattern: bytes.reduce(0) { $0 << 8 | UInt64($1) }))
      default: value = nil
      }
    }
    guard let value else {
      throw reader.invalid(
        "encoded value", expected: "hex with pairs of digits, or bits with 16", found: "another", at: place)
    }
    return value
  }

  private static func bytes(hexadecimal text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0, digits.allSatisfy({ UnicodeScalar($0).properties.isASCIIHexDigit }) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(decoding: digits[$0..<($0 + 2)], as: UTF8.self), radix: 16)
    }
  }

  private static func token(_ reader: inout JSONReader) throws(JSONError) -> (Int, TraceToken) {
    let place = reader.offset
    var (position, id, text): (Int?, Int?, [UInt8]?) = (nil, nil, nil)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "position": position = Int(try reader.number())
      case "id": id = Int(try reader.number())
      case "text":
        if reader.take(word: "null") { break }
        if case .text(let bytes) = try value(&reader) {
          text = bytes
        } else {
          throw reader.invalid("text of a token", expected: "a string", found: "a number", at: place)
        }
      default: throw reader.invalid("key of a token", expected: "position, id or text", found: "'\(key)'")
      }
    }
    let range = 0...Int(Int32.max)
    guard let position, let id, range.contains(position), range.contains(id) else {
      throw reader.invalid("token", expected: "position and id from 0 to 2^31 - 1", found: "others", at: place)
    }
    return (position, TraceToken(id: id, text: text))
  }
}

extension HeaderValue {
  /// The letter of its type in the format of traces.
  var typeLetter: UInt8 {
    switch self {
    case .integer: UInt8(ascii: "i")
    case .real: UInt8(ascii: "r")
    case .text: UInt8(ascii: "t")
    }
  }
}
