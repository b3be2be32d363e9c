/// A JSON value whose objects keep the order of their keys and whose nulls are written.
package enum JSONValue: Equatable, Sendable {
  /// `null`
  case null
  /// `true` or `false`
  case bool(Bool)
  /// An integer.
  case integer(Int)
  /// An integer that may exceed Int.
  case unsigned(UInt64)
  /// A number; one that is not finite is written as the string "nan", "inf" or "-inf".
  case number(Double)
  /// A string.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// Keys and values, in the order of writing.
  case object([(String, JSONValue)])

  /// A value or null.
  package init(_ value: Int?) { self = value.map { .integer($0) } ?? .null }
  /// A value or null.
  package init(_ value: Double?) { self = value.map { .number($0) } ?? .null }
  /// A value or null.
  package init(_ value: String?) { self = value.map { .string($0) } ?? .null }

  package static func == (left: JSONValue, right: JSONValue) -> Bool { left.text == right.text }

  /// The value as JSON on one line.
  package var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .unsigned(let value): String(value)
    case .number(let value): value.isFinite ? value.description : Self.quoted(Self.nonFinite(value))
    case .string(let value): Self.quoted(value)
    case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
    case .object(let fields):
      "{" + fields.map { Self.quoted($0) + ":" + $1.text }.joined(separator: ",") + "}"
    }
  }

  private static func nonFinite(_ value: Double) -> String {
    value.isNaN ? "nan" : value > 0 ? "inf" : "-inf"
  }

  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case let scalar where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
