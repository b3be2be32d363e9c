import TraceFormat

/// The words of one line of a mapping file.
///
/// Blanks part words, double quotes join them, and `#` at the beginning of a word begins a comment. A backslash takes
/// away the meaning of the next character; `\u{HEX}` is the character of that number.
struct MappingLine {
  /// A character of a word, and whether it was written with a backslash, so that it stands for itself.
  struct Symbol: Equatable {
    let scalar: UnicodeScalar
    let isEscaped: Bool
  }

  /// A word, without its quotes.
  struct Word {
    /// As it was written.
    var text = ""
    var symbols: [Symbol] = []
    var isQuoted = false

    /// The text that it stands for.
    var plain: String {
      var result = String.UnicodeScalarView()
      result.append(contentsOf: symbols.map(\.scalar))
      return String(result)
    }

    mutating func append(_ scalar: UnicodeScalar) {
      text.unicodeScalars.append(scalar)
      symbols.append(Symbol(scalar: scalar, isEscaped: false))
    }

    /// Takes what a backslash begins, from behind it.
    mutating func appendEscape(_ rest: inout Substring.UnicodeScalarView) throws(PatternError) {
      guard var scalar = rest.popFirst() else { throw PatternError("a character after the backslash") }
      var written = "\\" + String(scalar)
      if scalar == "u", rest.first == "{" {
        let digits = String(rest.dropFirst().prefix { $0 != "}" })
        rest = rest.dropFirst(digits.unicodeScalars.count + 1)
        let isNumber = digits.utf8.allSatisfy { UnicodeScalar($0).properties.isASCIIHexDigit }
        guard rest.popFirst() == "}", isNumber, let number = UInt32(digits, radix: 16),
          let named = UnicodeScalar(number)
        else { throw PatternError("the number of a character behind \\u, as \\u{e9}") }
        scalar = named
        written += "{\(digits)}"
      }
      text += written
      symbols.append(Symbol(scalar: scalar, isEscaped: true))
    }
  }

  let words: [Word]

  /// Splits a line.
  ///
  /// - Throws: what is expected in it.
  init(_ line: Substring) throws(PatternError) {
    var words: [Word] = []
    var word: Word?
    var isInQuotes = false
    var rest = line.unicodeScalars
    while let scalar = rest.popFirst() {
      if scalar == "\\" {
        var longer = word ?? Word()
        try longer.appendEscape(&rest)
        word = longer
      } else if scalar == "\"" {
        word = word ?? Word()
        word?.isQuoted = true
        isInQuotes.toggle()
      } else if !isInQuotes, scalar == " " || scalar == "\t" || scalar == "\r" {
        if let word { words.append(word) }
        word = nil
      } else if !isInQuotes, scalar == "#", word == nil {
        break
      } else {
        var longer = word ?? Word()
        longer.append(scalar)
        word = longer
      }
    }
    guard !isInQuotes else { throw PatternError("a second double quote") }
    if let word { words.append(word) }
    self.words = words
  }

  /// The pattern that matches one name alone, as it must be written in a line. It is printable, and shows what cannot
  /// be seen.
  static func word(matching name: String) -> String {
    var text = ""
    for scalar in name.unicodeScalars {
      let isVisible = visibleText(String(scalar).utf8) == String(scalar)
      if !isVisible || scalar.properties.generalCategory == .nonspacingMark {
        text += "\\u{" + String(scalar.value, radix: 16) + "}"
      } else {
        text += ("\\\"*?{".unicodeScalars.contains(scalar) ? "\\" : "") + String(scalar)
      }
    }
    // Between quotes even where none are needed: so it is seen where the word ends.
    return "\"\(text)\""
  }
}
