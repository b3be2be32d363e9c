import TraceFormat

/// Reads the few forms of Python's literals that stand in the header of an array.
struct PythonScanner {
  /// The file, for messages.
  let file: String
  private let text: [UInt8]
  private let start: Int
  private var cursor = 0

  /// A scanner at the beginning of a text.
  ///
  /// - Parameter start: where in the file the text begins.
  init(_ text: [UInt8], start: Int, file: String) {
    self.text = text
    self.start = start
    self.file = file
  }

  /// Where in the file the next byte stands that is no blank.
  var offset: Int {
    mutating get {
      skipBlanks()
      return start + cursor
    }
  }

  private mutating func skipBlanks() {
    while cursor < text.count, text[cursor] == 0x20 || (0x09...0x0D).contains(text[cursor]) { cursor += 1 }
  }

  /// Takes a character if it comes next.
  mutating func take(_ character: Character) throws(ArchiveError) -> Bool {
    skipBlanks()
    guard cursor < text.count, text[cursor] == character.asciiValue else { return false }
    cursor += 1
    return true
  }

  /// Takes a character that must come next.
  mutating func require(_ character: Character) throws(ArchiveError) {
    guard try take(character) else { throw unexpected("'\(character)'") }
  }

  /// Nothing but blanks may follow.
  mutating func requireEnd() throws(ArchiveError) {
    skipBlanks()
    guard cursor == text.count else { throw unexpected("nothing more") }
  }

  /// Takes a string in quotes, which holds no escapes.
  mutating func string() throws(ArchiveError) -> String {
    skipBlanks()
    guard cursor < text.count, text[cursor] == UInt8(ascii: "'") || text[cursor] == UInt8(ascii: "\"") else {
      throw unexpected("a string in quotes")
    }
    let rest = text[(cursor + 1)...]
    guard let end = rest.firstIndex(of: text[cursor]),
      let value = String(validating: text[(cursor + 1)..<end], as: UTF8.self)
    else { throw unexpected("a string in quotes") }
    cursor = end + 1
    return value
  }

  /// Passes over a list, if one comes next, whatever it holds.
  mutating func skipList() throws(ArchiveError) -> Bool {
    guard try take("[") else { return false }
    var depth = 1
    while depth > 0 {
      skipBlanks()
      guard cursor < text.count else { throw unexpected("the end of a list") }
      switch text[cursor] {
      case UInt8(ascii: "'"), UInt8(ascii: "\""): _ = try string()
      case UInt8(ascii: "["):
        depth += 1
        cursor += 1
      case UInt8(ascii: "]"):
        depth -= 1
        cursor += 1
      default: cursor += 1
      }
    }
    return true
  }

  /// Takes `True` or `False`.
  mutating func bool() throws(ArchiveError) -> Bool {
    skipBlanks()
    for (word, value) in [("True", true), ("False", false)] where text[cursor...].starts(with: word.utf8) {
      cursor += word.utf8.count
      return value
    }
    throw unexpected("True or False")
  }

  /// Takes a tuple of integers that are not negative, as `()`, `(3,)` or `(2, 3)`.
  mutating func tuple() throws(ArchiveError) -> [Int] {
    var values: [Int] = []
    try require("(")
    while try !take(")") {
      values.append(try integer())
      if try !take(",") {
        try require(")")
        break
      }
    }
    return values
  }

  private mutating func integer() throws(ArchiveError) -> Int {
    skipBlanks()
    let digits = text[cursor...].prefix { (0x30...0x39).contains($0) }
    guard !digits.isEmpty, let value = Int(String(decoding: digits, as: UTF8.self)) else {
      throw unexpected("a length below 2^63")
    }
    cursor += digits.count
    return value
  }

  /// An error about what stands at the cursor.
  private mutating func unexpected(_ expected: String) -> ArchiveError {
    let found = String(decoding: text[cursor...].prefix(16), as: UTF8.self)
    return invalid("header of the array", expected: expected, found: found.isEmpty ? "its end" : found, at: offset)
  }

  /// An error about something that was taken.
  func invalid(_ what: String, expected: String, found: String, at offset: Int) -> ArchiveError {
    ArchiveError(file, .offset(offset), .invalid(what, expected: expected, found: found))
  }
}
