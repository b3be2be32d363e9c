import ToolSupport
import TraceComparison
import TraceFormat

extension UnusedPatterns {
  /// A pattern of the options that matches no tensor is bad usage.
  ///
  /// - Parameter sources: what was searched for tensors, such as `either trace`.
  func requireNone(in sources: String) throws(UsageError) {
    guard let (option, pattern) = first(only: "--only", rtol: "--rtol", atol: "--atol") else { return }
    throw UsageError("option '\(option)': no tensor of \(sources) matches '\(pattern.text)'")
  }
}
