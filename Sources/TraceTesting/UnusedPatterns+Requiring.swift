import TraceComparison
import TraceFormat

extension UnusedPatterns {
  /// A pattern that matches nothing checks nothing.
  func requireNone() throws(ExpectationError) {
    let found = first(only: "filter", except: "filter", rtol: "rtolOverrides", atol: "atolOverrides")
    guard let (argument, pattern) = found else { return }
    throw .unusedPattern(argument: argument, pattern: pattern.text)
  }
}
