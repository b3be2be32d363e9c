import JSONText
import TraceFormat

/// The fields of an object in a line of a history, read with errors that say where and what.
struct JSONFields {
  private let fields: [String: JSONValue]
  private let place: String
  private let line: Int

  /// The fields of a value, which must be an object.
  ///
  /// - Parameter place: what the object is called in messages.
  init(_ value: JSONValue, _ place: String, line: Int) throws(DriftError) {
    guard case .object(let fields) = value else {
      throw .invalidField(line: line, field: place, expected: "an object", found: Self.shown(value))
    }
    // The reader has refused keys that stand twice.
    self.fields = Dictionary(fields) { first, _ in first }
    self.place = place
    self.line = line
  }

  func value(_ name: String) throws(DriftError) -> JSONValue {
    guard let value = fields[name] else {
      throw .invalidField(line: line, field: path(name), expected: "a value", found: "no such key")
    }
    return value
  }

  func text(_ name: String) throws(DriftError) -> String {
    let value = try value(name)
    guard case .string(let text) = value else { throw invalid(name, "text", value) }
    return text
  }

  func list(_ name: String) throws(DriftError) -> [JSONValue] {
    let value = try value(name)
    guard case .array(let values) = value else { throw invalid(name, "a list", value) }
    return values
  }

  /// An integer that is not negative.
  func count(_ name: String) throws(DriftError) -> Int {
    let value = try value(name)
    guard case .integer(let number) = value, number >= 0 else { throw invalid(name, "an integer of at least 0", value) }
    return number
  }

  func unsigned(_ name: String) throws(DriftError) -> UInt64 {
    let value = try value(name)
    if case .unsigned(let number) = value { return number }
    return try UInt64(count(name))
  }

  func optionalCount(_ name: String) throws(DriftError) -> Int? {
    if case .null = try value(name) { return nil }
    return try count(name)
  }

  /// A number that is not negative, "inf" or "nan".
  func size(_ name: String) throws(DriftError) -> Double {
    let value = try value(name)
    switch value {
    case .integer(let number) where number >= 0: return Double(number)
    case .unsigned(let number): return Double(number)
    case .number(let number) where number >= 0: return number
    case .string("inf"): return .infinity
    case .string("nan"): return .nan
    default: throw invalid(name, "a number of at least 0, \"inf\" or \"nan\"", value)
    }
  }

  func optionalSize(_ name: String) throws(DriftError) -> Double? {
    if case .null = try value(name) { return nil }
    return try size(name)
  }

  private func path(_ name: String) -> String { place == "the line" ? name : "\(place).\(name)" }

  private func invalid(_ name: String, _ expected: String, _ found: JSONValue) -> DriftError {
    .invalidField(line: line, field: path(name), expected: expected, found: Self.shown(found))
  }

  /// A value as messages show it: short.
  private static func shown(_ value: JSONValue) -> String {
    let text = value.text
    return text.count <= 60 ? text : text.prefix(57) + "..."
  }
}
