import TraceFormat

extension TraceMetadata {
  /// The JSON text.
  package var json: [UInt8] {
    var text = JSONText()
    text.add("{\"producer\":")
    text.add(string: header.producer)
    text.add(",\"fields\":{")
    for (index, field) in header.fields.sorted(by: { $0.key < $1.key }).enumerated() {
      if index > 0 { text.add(",") }
      text.add(string: field.key)
      text.add(":")
      text.add(field.value)
    }
    text.add("},\"tokens\":[")
    for (index, position) in tokens.keys.sorted().enumerated() {
      guard let token = tokens[position] else { continue }
      text.add(index > 0 ? ",\n" : "\n")
      text.add("{\"position\":\(position),\"id\":\(token.id),\"text\":")
      if let bytes = token.text { text.add(bytes: bytes) } else { text.add("null") }
      text.add("}")
    }
    text.add("]}\n")
    return text.bytes
  }
}

/// JSON being put together.
struct JSONText {
  private(set) var bytes: [UInt8] = []

  mutating func add(_ text: String) { bytes += text.utf8 }

  mutating func add(_ value: HeaderValue) {
    switch value {
    case .integer(let number): add("\(number)")
    case .real(let number) where number.isFinite: add("\(number)")
    case .real(let number): add("{\"bits\":\"\(Self.hexadecimal(number.bitPattern))\"}")
    case .text(let text): add(bytes: text)
    }
  }

  /// Adds bytes as a string where they are UTF-8.
  mutating func add(bytes text: [UInt8]) {
    if let string = String(validating: text, as: UTF8.self) {
      add(string: string)
    } else {
      add("{\"hex\":\"\(text.map { Self.padded(String($0, radix: 16), to: 2) }.joined())\"}")
    }
  }

  mutating func add(string: String) {
    add("\"")
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": add("\\\"")
      case "\\": add("\\\\")
      case let scalar where scalar.value < 0x20 || scalar.value == 0x7F:
        add("\\u" + Self.padded(String(scalar.value, radix: 16), to: 4))
      default: bytes += String(scalar).utf8
      }
    }
    add("\"")
  }

  private static func hexadecimal(_ bits: UInt64) -> String { padded(String(bits, radix: 16), to: 16) }

  private static func padded(_ digits: String, to width: Int) -> String {
    String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
