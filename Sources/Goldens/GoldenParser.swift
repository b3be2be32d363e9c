import TraceFormat

/// Reads a golden line by line.
struct GoldenParser {
  var lines: GoldenLines
  private var producer: String?
  private var fields: [String: HeaderValue] = [:]
  var tokens: [Int: TraceToken] = [:]
  var tensors: [GoldenTensor] = []
  var reviews: [Review] = []
  /// The line that has the digest of those above.
  private var recordsLine = 0

  init(_ bytes: RawSpan) throws(GoldenError) {
    let start = bytes.withUnsafeBytes { Array($0.prefix(Golden.magic.utf8.count)) }
    guard start.elementsEqual(Golden.magic.utf8) else { throw .notAGolden(found: start) }
    lines = try GoldenLines(bytes)
  }

  /// Reads everything.
  mutating func parse() throws(GoldenError) -> Golden {
    try parseVersion()
    while let rest = lines.takeRest(of: "field") { try parseField(rest) }
    guard let producer else {
      throw .invalidLine(lines.number, expected: "field producer \"...\" among the fields", found: lines.nextText)
    }
    while let rest = lines.takeRest(of: "token") { try parseToken(rest) }
    while let rest = lines.takeRest(of: "tensor") { try parseTensor(rest) }
    try parseRecordsHeading()
    while let rest = lines.takeRest(of: "at") { try parseReview(rest) }
    try parseSketchesHeading()
    var groups: [GoldenGroup] = []
    for index in reviews.indices { groups.append(try parseSketches(index)) }
    if lines.next != nil {
      _ = try lines.take("")
      throw lines.invalid("the end of the file")
    }
    let header = TraceHeader(producer: producer, fields: fields)
    let golden = Golden(header: header, tokens: tokens, tensors: tensors, groups: groups)
    try requireCanonical(golden)
    if let lack = golden.lack { throw .lacksRecords(lack) }
    return golden
  }

  private mutating func parseVersion() throws(GoldenError) {
    let version = try lines.take("the version").dropFirst(Golden.magic.count)
    guard version == String(Golden.version) else { throw .unknownVersion(String(version)) }
  }

  private mutating func parseRecordsHeading() throws(GoldenError) {
    let expected = "a field, token or tensor, or '\(Golden.recordsHeading) DIGEST'"
    recordsLine = lines.number
    let words = splitWords(try lines.take(expected))
    guard words.count == 2, words[0] == Golden.recordsHeading, Self.isDigest(words[1]) else {
      throw lines.invalid(expected)
    }
  }

  private mutating func parseSketchesHeading() throws(GoldenError) {
    let expected = "'at POSITION PLACE ...' or '\(Golden.sketchesHeading)'"
    guard try lines.take(expected) == Golden.sketchesHeading else { throw lines.invalid(expected) }
  }

  private mutating func parseField(_ rest: Substring) throws(GoldenError) {
    let parts = splitWords(rest, 2)
    let name = String(parts[0])
    guard parts.count == 2, TraceHeader.isValidName(Array(name.utf8)) else {
      throw lines.invalid("'field NAME VALUE', the name of a-z, 0-9 and _")
    }
    let isRepeated = name == Golden.producerField ? producer != nil : fields[name] != nil
    guard !isRepeated else { throw .repeated(line: lines.number - 1, what: "field \(name)") }
    guard let value = Self.value(parts[1]) else {
      throw lines.invalid("an integer, a real number with a point or an exponent, or text in double quotes")
    }
    if name == Golden.producerField {
      guard case .text(let bytes) = value, !bytes.isEmpty else { throw lines.invalid("text in double quotes") }
      producer = String(decoding: bytes, as: UTF8.self)
      return
    }
    if let field = HeaderField(rawValue: name), field.type != value.type {
      throw lines.invalid("\(Self.describe(type: field.type)) for \(name)")
    }
    fields[name] = value
  }

  private mutating func parseToken(_ rest: Substring) throws(GoldenError) {
    let parts = splitWords(rest, 3)
    let text = parts.count > 2 ? unquotedText(parts[2]) : nil
    guard parts.count >= 2, let position = Self.index(parts[0]), let id = Self.index(parts[1]),
      parts.count == 2 || text != nil
    else { throw lines.invalid("'token POSITION ID' and perhaps its text in double quotes") }
    guard tokens[position] == nil else {
      throw .repeated(line: lines.number - 1, what: "the token of position \(position)")
    }
    tokens[position] = TraceToken(id: id, text: text)
  }

  private mutating func parseTensor(_ rest: Substring) throws(GoldenError) {
    let parts = splitWords(rest)
    guard parts.count == 4, TensorName.isValid(Array(parts[0].utf8)),
      let scope = Site.Scope(rawValue: String(parts[1])),
      let type = Self.type(parts[2]), let shape = ShapePattern(parts[3])
    else { throw lines.invalid("'tensor NAME before|layer|after DTYPE SHAPE'") }
    let tensor = GoldenTensor(name: TensorName(String(parts[0])), scope: scope, type: type, shape: shape)
    if let last = tensors.last {
      guard tensor.id != last.id else { throw .repeated(line: lines.number - 1, what: "tensor \(parts[0])") }
      guard last.id < tensor.id else {
        throw .outOfOrder(line: lines.number - 1, what: "tensor \(parts[0])", after: "tensor \(last.name.text)")
      }
    }
    tensors.append(tensor)
  }

  /// What was read must be what would be written, so that no other spelling passes and an update changes nothing else.
  /// The digests are among what is written, and so tell of what was changed.
  private func requireCanonical(_ golden: Golden) throws(GoldenError) {
    let written = golden.lines
    guard let number = (1...max(written.count, lines.count)).first(where: { line(written, $0) != line($0) }) else {
      return
    }
    let (expected, found) = (line(written, number), line(number))
    if let expected, let found, let what = covered(byDigestIn: number) {
      let (stated, own) = (Self.digest(in: found), Self.digest(in: expected))
      if found == expected.replacing(own, with: stated) {
        throw .wrongDigest(line: number, of: what, expected: String(stated), found: String(own))
      }
    }
    throw .invalidLine(
      number, expected: expected.map { "'\($0)'" } ?? "the end of the file", found: found ?? "the end of the file")
  }

  private func line(_ number: Int) -> String? { number <= lines.count ? String(lines[number]) : nil }

  private func line(_ written: [String], _ number: Int) -> String? {
    number <= written.count ? written[number - 1] : nil
  }

  /// What the digest of a line stands for; nil where the line has none.
  private func covered(byDigestIn number: Int) -> String? {
    if number == recordsLine { return "fields, tokens or tensors above it" }
    return reviews.first { $0.line == number }.map {
      "this line or the sketches of \($0.place.text), from line \($0.sketchesLine) on,"
    }
  }
}
