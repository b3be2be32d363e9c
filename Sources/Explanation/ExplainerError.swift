package import TraceFormat

/// Why a trace cannot be explained with a checkpoint.
package enum ExplainerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A size differs.
  case otherSizes(isExpected: Bool, field: String, trace: Int, checkpoint: Int)
  /// A constant in the header makes no sense.
  case invalidConstant(HeaderField, Double)
  /// The weights differ.
  case otherCheckpoint(isExpected: Bool, trace: String, checkpoint: String)

  /// Whether the expected trace is meant.
  package var isAboutExpected: Bool {
    switch self {
    case .otherSizes(let isExpected, _, _, _), .otherCheckpoint(let isExpected, _, _): isExpected
    case .invalidConstant: false
    }
  }

  /// One line in lower case.
  package var description: String {
    switch self {
    case .otherSizes(let isExpected, let field, let trace, let checkpoint):
      "the \(isExpected ? "expected " : "")trace was made from another model: \(field) is \(trace) in the trace and "
        + "\(checkpoint) in the checkpoint"
    case .invalidConstant(let field, let value):
      "the trace's header says \(field.rawValue) \(value): expected a finite number, \(field == .ropeBase ? "above 0" : "0 or more")"
    case .otherCheckpoint(let isExpected, let trace, let checkpoint):
      "the \(isExpected ? "expected " : "")trace was made from another checkpoint: it says fingerprint "
        + "\(visibleText(trace.utf8)), and the checkpoint has \(checkpoint)"
    }
  }
}
