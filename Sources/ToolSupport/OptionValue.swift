package import TraceFormat

/// The value that was given to an option, and the readers that turn it into what the option means.
package struct OptionValue: Equatable {
  /// The option as the user wrote it: `--rtol` or `-n`.
  package let option: String
  /// The value; empty for an option that takes none.
  package let argument: Argument

  /// A value.
  package init(option: String, argument: Argument) {
    self.option = option
    self.argument = argument
  }

  /// An error about this value.
  package func invalid(_ expected: String) -> UsageError {
    UsageError("option '\(option)' needs \(expected), not '\(argument.visible)'")
  }

  /// The text.
  package func text() throws(UsageError) -> String {
    guard let text = argument.text else { throw invalid("UTF-8 text") }
    return text
  }

  /// The path of a file, which is not empty.
  package func path() throws(UsageError) -> String {
    guard !argument.bytes.isEmpty else { throw UsageError("option '\(option)' needs the name of a file") }
    return argument.path
  }

  /// A decimal integer in a range.
  package func integer(in range: ClosedRange<Int> = Int.min...Int.max) throws(UsageError) -> Int {
    let expected: String
    switch (range.lowerBound, range.upperBound) {
    case (Int.min, Int.max): expected = "an integer"
    case (let low, Int.max): expected = "an integer of at least \(low)"
    case (let low, let high): expected = "an integer from \(low) to \(high)"
    }
    guard let text = argument.text, let value = Int(text), range.contains(value) else { throw invalid(expected) }
    return value
  }

  /// A finite decimal number, the whole text; hexadecimal, `inf` and `nan` are refused.
  package func number(
    _ expected: String = "a finite number", where isAllowed: (Double) -> Bool = { _ in true }
  ) throws(UsageError) -> Double {
    guard let text = argument.text, let value = Self.decimal(text), isAllowed(value) else { throw invalid(expected) }
    return value
  }

  /// Reads a finite decimal number; nil when the text is anything else.
  package static func decimal(_ text: String) -> Double? {
    let allowed = Set("0123456789+-.eE".utf8)
    guard text.utf8.allSatisfy(allowed.contains), let value = Double(text), value.isFinite else { return nil }
    return value
  }

  /// A range `A..B`, `A`, `A..` or `..B`.
  package func range() throws(UsageError) -> IndexRange {
    guard let text = argument.text, let range = IndexRange(parsing: text) else {
      throw invalid("a range such as 2, 2..5, 2.. or ..5")
    }
    return range
  }

  /// A comma-separated list of names, buffers and globs.
  package func patterns() throws(UsageError) -> [NamePattern] {
    guard let text = argument.text, !text.isEmpty, let list = NamePattern.list(parsing: text) else {
      throw invalid("a comma-separated list of names such as q.rope,att or x.*")
    }
    return list
  }
}
