import ToolSupport
import TraceComparison

/// Why a golden command stops.
enum GoldenFailure: Error {
  /// The options do not fit the files.
  case usage(UsageError)
  /// Writing failed.
  case tool(ToolError)
  /// The golden (expected) or the trace (actual) cannot be read or used; the message names the file.
  case input(Side, String)
}
