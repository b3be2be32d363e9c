import TraceComparison
import TraceFormat

extension Golden {
  /// The file's contents: the same for the same trace on every platform.
  package var text: String { lines.map { $0 + "\n" }.joined() }

  /// The file's lines.
  var lines: [String] {
    let head = headLines
    let sketches = groups.map { sketchLines($0) }
    var lines = head + ["\(Self.recordsHeading) \(Self.digest(head))"]
    for (group, own) in zip(groups, sketches) { lines.append(Self.reviewLine(group, own)) }
    lines.append(Self.sketchesHeading)
    for own in sketches { lines += own }
    return lines
  }

  /// Everything above the records.
  private var headLines: [String] {
    var lines = [Self.magic + String(Self.version)]
    lines += Self.fields(header).map { "field \($0)" }
    for (position, token) in tokens.sorted(by: { $0.key < $1.key }) {
      lines.append("token \(position) \(token.id)" + (token.text.map { " " + quotedText($0) } ?? ""))
    }
    return lines + tensors.map { "tensor \($0.text)" }
  }

  static let recordsHeading = "records"
  static let sketchesHeading = "sketches"

  /// The header's fields, the producer among them, in the order of their names.
  static func fields(_ header: TraceHeader) -> [String] {
    var fields = header.fields
    fields[producerField] = .text(Array(header.producer.utf8))
    let sorted = fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    return sorted.map { "\($0.key) \(text($0.value))" }
  }

  /// The name under which the producer stands among the fields.
  static let producerField = "producer"

  /// An integer has digits alone, a real number a point, an exponent or a name, and text has quotes.
  private static func text(_ value: HeaderValue) -> String {
    switch value {
    case .integer(let number): String(number)
    case .real(let number): number.description
    case .text(let bytes): quotedText(bytes)
    }
  }

  /// What a reviewer reads of a place, with the digest of all that stands there: this line and the sketches.
  private static func reviewLine(_ group: GoldenGroup, _ sketches: [String]) -> String {
    let start = "at \(group.place.text) \(group.recordCount)"
    let end =
      "rms \(NumberText.rounded(group.rms, digits: 4))"
      + (group.nonFiniteCount > 0 ? " nonfinite \(group.nonFiniteCount)" : "")
    return "\(start) \(digest(["\(start) \(end)"] + sketches)) \(end)"
  }

  /// The sketches of a place, below a line that names it.
  private func sketchLines(_ group: GoldenGroup) -> [String] {
    var lines = ["at \(group.place.text)"]
    for (tensor, record) in zip(tensors(in: group.place.scope), group.records) {
      guard let record else {
        lines.append(Self.noRecord)
        continue
      }
      let isDeclared =
        record.type == tensor.type && record.shape == tensor.shape.shape(position: group.place.position)
      let form = isDeclared ? "" : " \(record.type.name) \(ShapePattern(record.shape).text)"
      lines.append(record.sketch.text + form)
    }
    return lines
  }

  /// What stands for a record that the trace does not have.
  static let noRecord = "-"

  /// The checksum of lines, each with its line feed.
  private static func digest(_ lines: [String]) -> String {
    let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
    return hexadecimal(Checksum.of(bytes.span.bytes))
  }
}
