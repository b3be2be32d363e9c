import TraceFormat

/// Reads a golden line by line.
struct GoldenParser {
  private var lines: GoldenLines
  private var producer: String?
  private var fields: [String: HeaderValue] = [:]
  private var tokens: [Int: TraceToken] = [:]
  private var tensors: [GoldenTensor] = []
  private var reviews: [Review] = []

  /// What a reviewer's line says.
  private struct Review {
    let line: Int
    let place: GoldenPlace
    let recordCount: Int
    let digest: String
    let rms: Double
    let nonFiniteCount: Int
  }

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
    try parseHeading(Golden.recordsHeading, "a field, token or tensor, or 'records'")
    while let rest = lines.takeRest(of: "at") { try parseReview(rest) }
    try parseHeading(Golden.sketchesHeading, "'at POSITION PLACE ...' or 'sketches'")
    var groups: [GoldenGroup] = []
    for review in reviews { groups.append(try parseSketches(review)) }
    if lines.next != nil {
      _ = try lines.take("")
      throw lines.invalid("the end of the file")
    }
    let header = TraceHeader(producer: producer, fields: fields)
    let golden = Golden(header: header, tokens: tokens, tensors: tensors, groups: groups)
    try requireCanonical(golden)
    return golden
  }

  private mutating func parseVersion() throws(GoldenError) {
    let version = try lines.take("the version").dropFirst(Golden.magic.count)
    guard version == String(Golden.version) else { throw .unknownVersion(String(version)) }
  }

  private mutating func parseHeading(_ heading: String, _ expected: String) throws(GoldenError) {
    guard try lines.take(expected) == heading else { throw lines.invalid(expected) }
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

  private static func value(_ text: Substring) -> HeaderValue? {
    if text.hasPrefix("\"") { return unquotedText(text).map { .text($0) } }
    if let integer = Int64(text) { return .integer(integer) }
    let characters = Set("0123456789+-.einfa".utf8)
    guard text.utf8.allSatisfy(characters.contains), let real = Double(text) else { return nil }
    return .real(real)
  }

  private static func describe(type: UInt8) -> String {
    switch type {
    case UInt8(ascii: "i"): "an integer"
    case UInt8(ascii: "r"): "a real number with a point or an exponent"
    default: "text in double quotes"
    }
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

  private mutating func parseReview(_ rest: Substring) throws(GoldenError) {
    let line = lines.number - 1
    let expected = "'at POSITION before|layer N|after RECORDS DIGEST rms NUMBER' and perhaps 'nonfinite RECORDS'"
    var parts = splitWords(rest)[...]
    guard let place = Self.takePlace(&parts), [4, 6].contains(parts.count) else { throw lines.invalid(expected) }
    let fields = Array(parts)
    guard let count = decimalNumber(fields[0]), count > 0, Self.isDigest(fields[1]), fields[2] == "rms",
      let rms = Double(fields[3]), rms.isFinite, rms >= 0
    else { throw lines.invalid(expected) }
    var nonFiniteCount = 0
    if fields.count == 6 {
      guard fields[4] == "nonfinite", let number = decimalNumber(fields[5]) else { throw lines.invalid(expected) }
      nonFiniteCount = number
    }
    if let last = reviews.last {
      guard place != last.place else { throw .repeated(line: line, what: "the place \(place.text)") }
      guard last.place < place else { throw .outOfOrder(line: line, what: place.text, after: last.place.text) }
    }
    reviews.append(
      Review(
        line: line, place: place, recordCount: count, digest: String(fields[1]), rms: rms,
        nonFiniteCount: nonFiniteCount))
  }

  private mutating func parseSketches(_ review: Review) throws(GoldenError) -> GoldenGroup {
    let first = lines.number
    let heading = "at \(review.place.text)"
    guard try lines.take("'\(heading)'") == heading else {
      throw lines.invalid("'\(heading)', as line \(review.line) announces")
    }
    var records: [GoldenRecord?] = []
    for tensor in tensors where tensor.scope == review.place.scope {
      records.append(try parseSketch(tensor, review.place))
    }
    let digest = Golden.digest((first..<lines.number).map { String(lines[$0]) })
    guard digest == review.digest else {
      throw .wrongDigest(
        line: review.line, place: review.place, sketches: first, expected: review.digest, found: digest)
    }
    let group = GoldenGroup(place: review.place, records: records, rms: review.rms)
    try check(review, group)
    return group
  }

  private mutating func parseSketch(
    _ tensor: GoldenTensor, _ place: GoldenPlace
  ) throws(GoldenError) -> GoldenRecord? {
    let what = "the sketch of \(tensor.name.text)"
    let parts = splitWords(try lines.take(what))
    if parts == [Substring(Golden.noRecord)] { return nil }
    guard parts.count == 1 || parts.count == 3, let sketch = Sketch(parts[0]) else {
      throw lines.invalid(
        "\(what), \(Sketch.textLength) characters and perhaps dtype and shape, or '\(Golden.noRecord)'")
    }
    var (type, pattern) = (Optional(tensor.type), Optional(tensor.shape))
    if parts.count == 3 { (type, pattern) = (Self.type(parts[1]), ShapePattern(parts[2])) }
    guard let type, let shape = pattern?.shape(position: place.position) else {
      throw lines.invalid("\(what) with a dtype and a shape")
    }
    return GoldenRecord(type: type, shape: shape, sketch: sketch)
  }

  /// What a reviewer's line says must be true of the sketches.
  private func check(_ review: Review, _ group: GoldenGroup) throws(GoldenError) {
    func invalid(_ expected: String) -> GoldenError {
      .invalidLine(review.line, expected: expected, found: String(lines[review.line]))
    }
    guard review.recordCount == group.recordCount else { throw invalid("\(group.recordCount) records, as sketched") }
    guard review.nonFiniteCount == group.nonFiniteCount else {
      throw invalid("'nonfinite \(group.nonFiniteCount)', as sketched")
    }
    let sketched = group.records.last { $0 != nil }??.sketch.scale.rms ?? 0
    // The sketch holds it rounded up to eight bits, the line rounded to four digits.
    guard review.rms <= sketched * 1.001, review.rms >= sketched * 0.991 || sketched <= .leastNormalMagnitude else {
      throw invalid("the root mean square of the last record, about \(sketched)")
    }
  }

  /// What was read must be what would be written, so that no other spelling passes and an update changes nothing else.
  private func requireCanonical(_ golden: Golden) throws(GoldenError) {
    for (index, line) in golden.lines.enumerated() where index >= lines.count || lines[index + 1] != line {
      let found = index < lines.count ? String(lines[index + 1]) : "the end of the file"
      throw .invalidLine(index + 1, expected: "'\(line)'", found: found)
    }
  }

  // MARK: - Words

  /// Takes `POSITION before`, `POSITION layer N` or `POSITION after`.
  private static func takePlace(_ parts: inout ArraySlice<Substring>) -> GoldenPlace? {
    guard let position = parts.popFirst().flatMap({ index($0) }),
      let scope = parts.popFirst().flatMap({ Site.Scope(rawValue: String($0)) })
    else { return nil }
    guard scope == .layer else { return GoldenPlace(position: position, scope: scope, layer: nil) }
    guard let layer = parts.popFirst().flatMap({ index($0) }) else { return nil }
    return GoldenPlace(position: position, scope: scope, layer: layer)
  }

  /// A position, layer or token: up to 2^31 - 1.
  private static func index(_ text: Substring) -> Int? {
    decimalNumber(text).flatMap { $0 <= Int(Int32.max) ? $0 : nil }
  }

  private static func type(_ name: Substring) -> ElementType? { ElementType.allCases.first { $0.name == name } }

  private static func isDigest(_ text: Substring) -> Bool {
    text.utf8.count == 16
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}

extension HeaderValue {
  /// The letter of its type in a trace.
  fileprivate var type: UInt8 {
    switch self {
    case .integer: UInt8(ascii: "i")
    case .real: UInt8(ascii: "r")
    case .text: UInt8(ascii: "t")
    }
  }
}
