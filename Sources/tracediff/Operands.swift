import ToolSupport
import TraceFormat
import TraceSources

/// Finds out what operands that name one trace are; what goes wrong names the file.
func resolve(_ paths: [String]) throws(ToolError) -> TraceOperands {
  do throws(OperandError) { return try TraceOperands(paths) } catch { throw .failed(error.description) }
}

/// Opens a trace of any kind that can be read more than once; what goes wrong names the file.
func openTrace(_ operands: TraceOperands) throws(ToolError) -> Trace {
  do throws(OperandError) { return try Trace(operands) } catch { throw .failed(error.description) }
}

/// Opens a trace of any kind; what goes wrong names the file.
func openInput(_ operands: TraceOperands) throws(ToolError) -> TraceInput {
  do throws(OperandError) { return try TraceInput(operands) } catch { throw .failed(error.description) }
}

/// A message about a trace, with the trace's name before it unless it begins with it already, as what is said of files
/// of arrays and of parts does.
func naming(_ name: String, _ message: String) -> String {
  message.hasPrefix("\(name): ") ? message : "\(name): \(message)"
}

extension TraceOperands {
  /// What help says of the operands that name a trace.
  static let details =
    "A trace is a file, several files that are parts of it, or a folder, whose *.trace files are its parts: ranks, ranges of "
    + "layers or of positions. Records that several parts hold alike count once; missing parts, and parts that disagree, are "
    + "problems. Arrays of other programs (.npz, .safetensors, .npy, or a folder of these) are a trace too, with --map where "
    + "their names are not those of an export (docs/mapping.md)."
}
