import TraceFormat

/// What is wrong with a drift history, or with what is to be added to it.
package enum DriftError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A line is not JSON.
  case notJSON(line: Int, column: Int, expected: String, found: String)
  /// A line is JSON, but not what the history's schema says.
  case invalidField(line: Int, field: String, expected: String, found: String)
  /// Two lines are about one commit.
  case repeatedCommit(String, line: Int, other: Int)
  /// The commit to be added has a line.
  case commitIsKnown(String, line: Int)
  /// The name of a commit that cannot be one.
  case invalidCommit(String)

  /// One line in lower case.
  package var description: String {
    switch self {
    case .notJSON(let line, let column, let expected, let found):
      "line \(line), column \(column): expected \(expected), found \(found)"
    case .invalidField(let line, let field, let expected, let found):
      "line \(line): \(field): expected \(expected), found \(found)"
    case .repeatedCommit(let commit, let line, let other):
      "line \(line): commit '\(visibleText(commit.utf8))' has a line before, \(other)"
    case .commitIsKnown(let commit, let line):
      "commit '\(visibleText(commit.utf8))' has a line already, \(line); --replace puts the new one in its place"
    case .invalidCommit(let commit):
      "a commit's name has 1 to 200 bytes and no blanks or control characters, not '\(visibleText(commit.utf8))'"
    }
  }
}
