extension TraceError {
  /// What is wrong with the parts of a trace, in one line.
  var partsDescription: String {
    switch self {
    case .inPart(let path, let error): error.fileError?.description ?? "\(Self.shown(path)): \(error)"
    case .partsDisagree(let field, let path, let value, let otherPath, let otherValue):
      "the parts are of different models or runs: \(field) is \(value) in \(Self.shown(path)) and "
        + "\(otherValue) in \(Self.shown(otherPath))"
    case .partsMissing(let numbers, let count):
      "of \(count) parts \(Self.list(numbers)) \(numbers.count == 1 ? "is" : "are") missing"
    case .partRepeated(let number, let path, let otherPath):
      "\(Self.shown(path)) and \(Self.shown(otherPath)) both say that they are part \(number)"
    case .partCountInvalid(let count): "number of parts: expected at least 1, found \(count)"
    case .partOutOfRange(let number, let count, let path):
      "\(Self.shown(path)) says that it is part \(number): expected 0 to \(count - 1), since there are \(count)"
    case .copiesDiffer(let key, let more, let path, let otherPath):
      "\(Self.shown(path)) and \(Self.shown(otherPath)) hold different bytes for \(key)" + Self.others(more, "record")
    case .tokensDiffer(let position, let more, let path, let token, let otherPath, let otherToken):
      "the token of position \(position) is \(token) in \(Self.shown(path)) and \(otherToken) in \(Self.shown(otherPath))"
        + Self.others(more, "position")
    default: ""
    }
  }

  private static func shown(_ path: String) -> String { visibleText(path.utf8) }

  private static func others(_ count: Int, _ noun: String) -> String {
    count == 0 ? "" : ", and so for \(count) more \(noun)\(count == 1 ? "" : "s")"
  }

  /// The first numbers of a list.
  private static func list(_ numbers: [Int]) -> String {
    let shown = numbers.prefix(8).map(String.init).joined(separator: ", ")
    return (numbers.count == 1 ? "number " : "numbers ") + shown + (numbers.count > 8 ? ", ..." : "")
  }

  /// The same error of a chunk that begins farther from the start of its file than was said.
  func moved(by distance: Int) -> TraceError {
    switch self {
    case .chunkExceedsFile(let kind, let offset, let needed, let available):
      .chunkExceedsFile(kind, offset: offset + distance, needed: needed, available: available)
    case .unexpectedChunk(let offset, let expected, let found):
      .unexpectedChunk(offset: offset + distance, expected: expected, found: found)
    case .invalidField(let kind, let offset, let field, let expected, let found):
      .invalidField(kind, offset: offset + distance, field: field, expected: expected, found: found)
    case .wrongChecksum(let kind, let offset, let expected, let found):
      .wrongChecksum(kind, offset: offset + distance, expected: expected, found: found)
    case .nonzeroPadding(let kind, let offset): .nonzeroPadding(kind, offset: offset + distance)
    default: self
    }
  }
}
