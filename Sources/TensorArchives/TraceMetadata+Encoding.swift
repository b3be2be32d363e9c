package import JSONText
import TraceFormat

extension TraceMetadata {
  /// As JSON.
  package var json: JSONValue {
    let fields = header.fields.sorted { $0.key < $1.key }.map { ($0.key, Self.json($0.value)) }
    let tokens = tokens.sorted { $0.key < $1.key }.map { position, token in
      JSONValue.object([
        ("position", .integer(position)), ("id", .integer(token.id)), ("text", token.text.map(Self.json) ?? .null),
      ])
    }
    return .object([("producer", .string(header.producer)), ("fields", .object(fields)), ("tokens", .array(tokens))])
  }

  private static func json(_ value: HeaderValue) -> JSONValue {
    switch value {
    case .integer(let number): .integer(Int(number))
    case .real(let number) where number.isFinite: .number(number)
    case .real(let number): .object([("bits", .string(hexadecimal(littleEndianBytes(number.bitPattern.byteSwapped))))])
    case .text(let text): json(text)
    }
  }

  /// Bytes as a string where they are UTF-8.
  private static func json(_ text: [UInt8]) -> JSONValue {
    String(validating: text, as: UTF8.self).map { .string($0) } ?? .object([("hex", .string(hexadecimal(text)))])
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
