import JSONText
import TraceComparison
import TraceFormat
import TraceSources

/// What machines get to read: schema `tracediff.inspect/1`.
extension Inspection {
  typealias Fields = [(String, JSONValue)]

  static func heading(of trace: borrowing Trace, name: String, problemCount: Int) -> Fields {
    let fields = trace.header.fields.sorted { $0.key < $1.key }.map { name, value in
      let json: JSONValue =
        switch value {
        case .integer(let number): .integer(Int(number))
        case .real(let number): .number(number)
        case .text(let bytes): .string(String(decoding: bytes, as: UTF8.self))
        }
      return (name, json)
    }
    return [
      ("schema", .string(schema)), ("file", .string(name)),
      ("complete", .bool(trace.isComplete && problemCount == 0)), ("producer", .string(trace.header.producer)),
      ("header", .object(fields)), ("bytes", .integer(trace.byteCount)), ("records", .integer(trace.recordCount)),
    ]
  }

  /// The document of a file that cannot be read as a trace.
  static func unreadable(_ path: String) -> Fields {
    [("schema", .string(schema)), ("file", .string(path)), ("complete", .bool(false)), ("producer", .null)]
  }

  private static let schema = "tracediff.inspect/1"

  static func list(_ problems: Listing<String>) -> Fields {
    [
      ("problems", .array(problems.entries.map { .string($0) })), ("problem_count", .integer(problems.count)),
    ]
  }

  /// The files of a trace in several parts; nothing of any other.
  static func partList(_ trace: borrowing Trace) -> Fields {
    let parts = PartSummary.all(of: trace)
    guard !parts.isEmpty else { return [] }
    let entries = parts.prefix(documentLimit).map { part -> JSONValue in
      .object([
        ("file", .string(part.path)), ("part", JSONValue(part.number)), ("complete", .bool(part.isComplete)),
        ("bytes", .integer(part.byteCount)), ("records", .integer(part.recordCount)),
      ])
    }
    return [
      ("parts", .array(entries)), ("part_count", .integer(parts.count)),
      ("copies", .integer(PartSummary.copyCount(of: trace))),
    ]
  }

  static func tokenList(_ trace: borrowing Trace) -> Fields {
    let tokens = trace.tokens
    let entries = tokens.keys.sorted().prefix(documentLimit).map { position -> JSONValue in
      .object([
        ("position", .integer(position)), ("id", JSONValue(tokens[position]?.id)),
        ("text", JSONValue(tokens[position]?.text.map { String(decoding: $0, as: UTF8.self) })),
      ])
    }
    return [("tokens", .array(entries)), ("token_count", .integer(tokens.count))]
  }

  static func siteList(_ contents: Contents) -> Fields {
    let sites = contents.sorted
    return [
      ("sites", .array(sites.prefix(documentLimit).map(value))), ("site_count", .integer(sites.count)),
    ]
  }

  private static func value(_ entry: Contents.Entry) -> JSONValue {
    func range(_ range: ClosedRange<Int>?) -> JSONValue {
      range.map { .array([.integer($0.lowerBound), .integer($0.upperBound)]) } ?? .null
    }
    return .object([
      ("site", .string(entry.name.text)), ("shape", .string(entry.shape)), ("dtype", .string(entry.dtype)),
      ("layers", range(entry.layers)), ("positions", range(entry.positions)), ("records", .integer(entry.records)),
      ("nan", .integer(entry.nanCount)), ("inf", .integer(entry.infinityCount)),
    ])
  }
}
