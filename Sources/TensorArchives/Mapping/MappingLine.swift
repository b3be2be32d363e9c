/// The words of one line of a mapping file.
///
/// Blanks part words, double quotes join them, and `#` at the beginning of a word begins a comment. A backslash takes away the
/// meaning of the next character; it is kept, for what reads the word.
struct MappingLine {
  /// A word, without its quotes.
  struct Word {
    var text = ""
    var isQuoted = false

    /// The text without backslashes.
    var plain: String {
      var result = String.UnicodeScalarView()
      var isEscaped = false
      for scalar in text.unicodeScalars {
        let isBackslash = scalar == "\\" && !isEscaped
        if !isBackslash { result.append(scalar) }
        isEscaped = isBackslash
      }
      return String(result)
    }
  }

  let words: [Word]

  /// Splits a line.
  ///
  /// - Throws: what is expected in it.
  init(_ line: Substring) throws(PatternError) {
    var words: [Word] = []
    var word: Word?
    var (isInQuotes, isEscaped) = (false, false)
    for scalar in line.unicodeScalars {
      if isEscaped || (scalar == "\\") {
        word = word ?? Word()
        word?.text.unicodeScalars.append(scalar)
        isEscaped = !isEscaped
      } else if scalar == "\"" {
        word = word ?? Word()
        word?.isQuoted = true
        isInQuotes.toggle()
      } else if isInQuotes {
        word?.text.unicodeScalars.append(scalar)
      } else if scalar == " " || scalar == "\t" || scalar == "\r" {
        if let word { words.append(word) }
        word = nil
      } else if scalar == "#", word == nil {
        break
      } else {
        word = word ?? Word()
        word?.text.unicodeScalars.append(scalar)
      }
    }
    guard !isInQuotes else { throw PatternError("a second double quote") }
    guard !isEscaped else { throw PatternError("a character after the backslash") }
    if let word { words.append(word) }
    self.words = words
  }
}
