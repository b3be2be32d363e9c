import JSONText
import TraceFormat

extension DriftEntry {
  /// The schema of a line.
  static let schema = "tracediff.history/1"

  /// The entry as JSON.
  var json: JSONValue {
    .object([
      ("schema", .string(Self.schema)), ("commit", .string(commit)), ("verdict", .string(verdict)),
      ("tolerance", .string(tolerance)),
      ("compared", .object([("records", .integer(records)), ("elements", .integer(elements))])),
      ("tokens_part_at", JSONValue(tokensPartAt)), ("sites", .array(sites.map(Self.value))),
    ])
  }

  private static func value(_ site: SiteDrift) -> JSONValue {
    .object([
      ("site", .string(site.name)), ("error", .number(site.error)), ("ratio", .number(site.ratio)),
      ("ulp", .unsigned(site.ulp)), ("layer", JSONValue(site.layer)), ("position", JSONValue(site.position)),
      ("bound_ratio", JSONValue(site.boundRatio)),
    ])
  }

  /// Reads a line. Keys that this version does not know are passed over.
  init(_ bytes: some Collection<UInt8>, line: Int) throws(DriftError) {
    let value: JSONValue
    do throws(JSONError) { value = try JSONValue(bytes) } catch {
      throw .notJSON(line: line, column: error.offset + 1, expected: error.expected, found: error.found)
    }
    let fields = try JSONFields(value, "the line", line: line)
    let schema = try fields.text("schema")
    guard schema == Self.schema else {
      throw .invalidField(
        line: line, field: "schema", expected: "\"\(Self.schema)\"", found: "\"\(visibleText(schema.utf8))\"")
    }
    let compared = try JSONFields(fields.value("compared"), "compared", line: line)
    var sites: [SiteDrift] = []
    var names: Set<String> = []
    for (number, value) in try fields.list("sites").enumerated() {
      let site = try SiteDrift(JSONFields(value, "sites[\(number)]", line: line))
      guard names.insert(site.name).inserted else {
        throw .invalidField(
          line: line, field: "sites[\(number)].site", expected: "every tensor once",
          found: "\(visibleText(site.name.utf8)) again")
      }
      sites.append(site)
    }
    let commit = try fields.text("commit")
    guard Self.isValid(commit: commit) else {
      throw .invalidField(
        line: line, field: "commit", expected: "1 to 200 bytes without blanks",
        found: "\"\(visibleText(commit.utf8))\"")
    }
    try self.init(
      commit: commit, verdict: fields.text("verdict"), tolerance: fields.text("tolerance"),
      records: compared.count("records"), elements: compared.count("elements"),
      tokensPartAt: fields.optionalCount("tokens_part_at"), sites: sites)
  }
}

extension DriftEntry.SiteDrift {
  fileprivate init(_ fields: JSONFields) throws(DriftError) {
    try self.init(
      name: fields.text("site"), error: fields.size("error"), ratio: fields.size("ratio"), ulp: fields.unsigned("ulp"),
      layer: fields.optionalCount("layer"), position: fields.optionalCount("position"),
      boundRatio: fields.optionalSize("bound_ratio"))
  }
}
