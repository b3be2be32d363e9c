import Goldens
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// The files of a golden command.
struct GoldenFiles {
  /// The golden, as it was named.
  let golden: String
  /// The trace, as it is called.
  let trace: String
  private let operands: Result<TraceOperands, ToolError>
  private let mapping: MappingOption
  /// Where the document goes; nil where none was asked for.
  let json: String?
  /// Whether standard output is taken, so that no report goes there.
  let isQuiet: Bool

  /// Finds out what the files are.
  ///
  /// - Parameter traces: the trace, in one or several parts.
  init(golden: String, traces: [String], _ options: GoldenOptions) throws(ToolError) {
    (self.golden, json, mapping) = (golden, options.jsonPath, options.mapping)
    trace = TraceOperands.name(of: traces)
    operands = Result { () throws(ToolError) in try resolve(traces) }
    isQuiet = if let json { try Tool.isStandardOutput(json) } else { false }
  }

  /// Reads the golden.
  func readGolden() throws(InputFailure) -> Golden {
    do throws(GoldenError) { return try Golden(path: golden) } catch {
      throw InputFailure(.expected, Tool.failure(error, naming: golden).description)
    }
  }

  /// The files that are read of the trace; of what cannot be resolved nothing is read.
  var traceInputs: [String] { ((try? operands.get())?.inputs ?? []) + mapping.paths }

  /// Opens the trace.
  func openActual() throws -> TraceInput {
    var known: TraceOperands
    do throws(ToolError) { known = try operands.get() } catch { throw InputFailure(.actual, error.description) }
    try mapping.apply(to: &known)
    do throws(ToolError) { return try openInput(known) } catch { throw InputFailure(.actual, error.description) }
  }

  /// Does something with the trace; what goes wrong names it.
  func namingTrace<Value>(_ body: () throws(GoldenError) -> Value) throws(InputFailure) -> Value {
    do throws(GoldenError) { return try body() } catch {
      throw InputFailure(.actual, error.fileError?.description ?? naming(trace, "\(error)"))
    }
  }

  /// Prints a report, unless standard output is taken.
  func print(_ text: String) throws(ToolError) {
    guard !isQuiet else { return }
    _ = try Tool.print(text)
  }

  /// Writes the document, where one was asked for.
  func write(_ document: GoldenDocument) throws(ToolError) {
    if let json { try Tool.write(Array(document.text.utf8), to: json) }
  }
}
