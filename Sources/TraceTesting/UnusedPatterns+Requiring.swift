import TraceComparison
import TraceFormat

extension UnusedPatterns {
  /// A pattern that matches nothing checks nothing.
  func requireNone() throws(ExpectationError) {
    guard let (argument, pattern) = first(only: "filter", rtol: "rtolOverrides", atol: "atolOverrides") else { return }
    throw .unusedPattern(argument: argument, pattern: pattern.text)
  }
}
