import ToolSupport
import TraceComparison
import TraceFormat

extension UnusedPatterns {
  /// A pattern of the options that matches no tensor is bad usage.
  ///
  /// - Parameter sources: what was searched for tensors, such as `either trace`.
  func requireNone(in sources: String) throws(UsageError) {
    let found = first(only: "--only", except: "--except", rtol: "--rtol", atol: "--atol")
    guard let (option, pattern) = found else { return }
    throw UsageError("option '\(option)': no tensor of \(sources) matches '\(pattern.text)'")
  }
}
