package import TraceFormat

/// What arrays of another program mean: the statements of a mapping file.
package struct ArrayMapping: Equatable, Sendable {
  /// What to do with the arrays that a pattern matches.
  package enum Action: Equatable, Sendable {
    /// They are records of this name, in which `{site}` stands for what the pattern caught.
    case tensor(name: String, ArrayReading)
    /// They are the tokens.
    case tokens(ArrayReading)
    /// They are left out.
    case ignore
  }

  /// A line of the file that is about arrays.
  package struct Statement: Equatable, Sendable {
    /// Number of the line, from 1.
    package let line: Int
    /// Which arrays.
    package let pattern: ArrayPattern
    /// What they are.
    package let action: Action
  }

  /// The file, for messages.
  package let file: String
  /// The statements in their order; the first that matches an array counts.
  package internal(set) var statements: [Statement] = []
  /// Header fields that are set.
  package internal(set) var fields: [String: HeaderValue] = [:]
  /// The producer, if it is set.
  package internal(set) var producer: String?
}
