import TraceFormat

/// The lines of a golden, taken one after the other.
struct GoldenLines {
  private let lines: [Substring]
  /// Number of the line that comes next, from 1.
  private(set) var number = 1

  /// Splits a file.
  init(_ bytes: RawSpan) throws(GoldenError) {
    let text = bytes.withUnsafeBytes { Array($0) }
    guard let decoded = String(validating: text, as: UTF8.self) else {
      let place = Self.firstInvalidLine(text)
      throw .invalidLine(place.number, expected: "UTF-8 text", found: visibleText(place.bytes))
    }
    // By bytes, since to Swift a carriage return and a line feed are one character.
    var lines = decoded.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { Substring($0) }
    if lines.last?.isEmpty == true { lines.removeLast() }
    if let index = lines.firstIndex(where: { $0.utf8.last == UInt8(ascii: "\r") }) {
      throw .invalidLine(
        index + 1, expected: "a line feed alone at its end (in .gitattributes: *.golden text eol=lf)",
        found: String(lines[index]))
    }
    if !decoded.isEmpty && text.last != UInt8(ascii: "\n") {
      throw .cutShort(line: lines.count, expected: "a line feed at its end")
    }
    self.lines = lines
  }

  private static func firstInvalidLine(_ text: [UInt8]) -> (number: Int, bytes: [UInt8]) {
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() where String(validating: line, as: UTF8.self) == nil {
      return (index + 1, Array(line.prefix(80)))
    }
    return (1, [])
  }

  /// The next line; nil at the end.
  var next: Substring? { number <= lines.count ? lines[number - 1] : nil }

  /// The next line, or that the file ends.
  var nextText: String { next.map(String.init) ?? "the end of the file" }

  /// Number of lines.
  var count: Int { lines.count }

  /// A line by its number.
  subscript(number: Int) -> Substring { lines[number - 1] }

  /// Takes the next line.
  ///
  /// - Parameter expected: what must stand there, for the error at the end of the file.
  mutating func take(_ expected: String) throws(GoldenError) -> Substring {
    guard let line = next else { throw .cutShort(line: number, expected: expected) }
    number += 1
    return line
  }

  /// Takes the next line if it begins with a word.
  ///
  /// - Returns: what stands behind the word and the blank.
  mutating func takeRest(of word: String) -> Substring? {
    guard let line = next, line.hasPrefix(word + " ") else { return nil }
    number += 1
    return line.dropFirst(word.count + 1)
  }

  /// An error about the line that was taken last.
  func invalid(_ expected: String) -> GoldenError {
    .invalidLine(number - 1, expected: expected, found: String(lines[number - 2]))
  }
}

/// The first words of a line, up to `count`; the last holds the rest of the line.
func splitWords(_ text: Substring, _ count: Int = Int.max) -> [Substring] {
  text.split(separator: " ", maxSplits: count - 1, omittingEmptySubsequences: false)
}
