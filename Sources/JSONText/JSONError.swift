/// What is wrong with a JSON text, or with what it says.
package struct JSONError: Error, Equatable, Sendable {
  /// Where, in bytes from the beginning of what was read.
  package let offset: Int
  /// What is wrong: `JSON text` where the text is not JSON, else what it says something wrong about.
  package let what: String
  /// What should stand there.
  package let expected: String
  /// What stands there.
  package let found: String

  package init(offset: Int, what: String, expected: String, found: String) {
    self.offset = offset
    self.what = what
    self.expected = expected
    self.found = found
  }
}
