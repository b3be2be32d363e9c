import TraceFormat

extension ArrayMapping {
  private static let maximumLength = 1 << 20

  /// Reads a mapping from a file or a pipe; `-` is standard input.
  package init(path: String) throws(ArchiveError) {
    let bytes: [UInt8]?
    do throws(FileError) { bytes = try readAll(path, limit: Self.maximumLength) } catch {
      throw ArchiveError(path, .file, .system(error))
    }
    guard let bytes else {
      throw ArchiveError(
        path, .file,
        .invalid("length of the mapping", expected: "at most \(Self.maximumLength) bytes", found: "more"))
    }
    try self.init(bytes, file: path)
  }

  /// Reads the text of a mapping.
  ///
  /// - Parameter file: the name for messages.
  package init(_ bytes: [UInt8], file: String) throws(ArchiveError) {
    self.file = file
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ArchiveError(file, .file, .invalid("mapping", expected: "UTF-8 text", found: "other bytes"))
    }
    // By scalars: a line that ends with CR LF ends with one character.
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      try read(Substring(line), number: index + 1)
    }
  }

  private mutating func read(_ line: Substring, number: Int) throws(ArchiveError) {
    let words: [MappingLine.Word]
    do throws(PatternError) { words = try MappingLine(line).words } catch {
      throw ArchiveError(file, .line(number), .invalid("line", expected: error.expected, found: "its end"))
    }
    guard let first = words.first else { return }
    var parser = StatementParser(words: words.dropFirst(), file: file, line: number)
    switch first.text {
    case "tensor": statements.append(try parser.tensor())
    case "tokens": statements.append(try parser.tokens())
    case "ignore": statements.append(try parser.ignore())
    case "set": try set(parser)
    default:
      let near = nearest(to: first.text, among: ["tensor", "tokens", "ignore", "set"]).map { " (\($0)?)" } ?? ""
      throw parser.invalid("statement", "tensor, tokens, ignore or set", first.text + near)
    }
  }

  /// Reads `set FIELD = VALUE`.
  private mutating func set(_ parser: StatementParser) throws(ArchiveError) {
    let words = Array(parser.words)
    guard words.count == 3, words[1].text == "=" else {
      let found = words.map(\.text).joined(separator: " ")
      throw parser.invalid("statement", "set FIELD = VALUE", "set \(found)")
    }
    let (name, value) = (words[0].text, words[2].plain)
    guard fields[name] == nil, producer == nil || name != TraceHeader.reservedName else {
      throw parser.invalid("field", "each once", name)
    }
    if name == TraceHeader.reservedName {
      guard (1...TraceHeader.producerLength).contains(value.utf8.count), !value.utf8.contains(0) else {
        throw parser.invalid("producer", "1 to \(TraceHeader.producerLength) bytes, none of them zero", value)
      }
      producer = value
      return
    }
    guard let field = HeaderField(rawValue: name) else {
      let near = nearest(to: name, among: HeaderField.allCases.map(\.rawValue)).map { " (\($0)?)" } ?? ""
      throw parser.invalid("field", "producer or a header field of a trace", name + near)
    }
    switch field.type {
    case UInt8(ascii: "i"):
      guard let number = Int64(value) else { throw parser.invalid(name, "an integer", value) }
      fields[name] = .integer(number)
    case UInt8(ascii: "r"):
      guard let number = Double(value), number.isFinite else { throw parser.invalid(name, "a finite number", value) }
      fields[name] = .real(number)
    default: fields[name] = .text(Array(value.utf8))
    }
  }
}
