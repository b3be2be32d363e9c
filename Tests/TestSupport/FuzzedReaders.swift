/// The readers of files, on any bytes: each function reads bytes as a program would, uses everything that it can get
/// out of them, and checks what must hold whatever they are.
///
/// The fuzz targets in `Tests/Fuzz` call them on mutated input, and `CorpusTests` calls them on the corpus.
package enum FuzzedReaders {
  /// What reading came to.
  package enum Outcome: Equatable, Sendable {
    /// All of it is good.
    case accepted
    /// Something can be read, and these messages say what cannot.
    case damaged([String])
    /// Nothing can be read, for this reason.
    case refused(String)
  }

  /// Something that must hold for every input does not: a defect of the reader.
  package struct BrokenInvariant: Error, CustomStringConvertible {
    /// What was expected.
    package let description: String

    init(_ description: String) { self.description = description }
  }

  static func require(
    _ condition: @autoclosure () -> Bool, _ expectation: @autoclosure () -> String
  ) throws(BrokenInvariant) {
    guard condition() else { throw BrokenInvariant(expectation()) }
  }

  /// Checks an error's message, which must be one line that says something.
  static func message(of error: any Error) throws(BrokenInvariant) -> String {
    let text = "\(error)"
    let isOneLine = !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    try require(isOneLine && !text.isEmpty, "a message is one line of visible text: \(text.debugDescription)")
    return text
  }
}
