import Goldens
import ToolSupport
import TraceComparison
import TraceFormat

/// The files of a golden command.
struct GoldenFiles {
  /// The golden, as it was named.
  let golden: String
  /// The trace, as it was named.
  let trace: String
  /// Where the document goes; nil where none was asked for.
  let json: String?
  /// Whether standard output is taken, so that no report goes there.
  let isQuiet: Bool

  init(golden: String, trace: String, json: String?) throws(ToolError) {
    (self.golden, self.trace, self.json) = (golden, trace, json)
    isQuiet = if let json { try Tool.isStandardOutput(json) } else { false }
  }

  /// Reads the golden.
  func readGolden() throws(GoldenFailure) -> Golden {
    do throws(GoldenError) { return try Golden(path: golden) } catch {
      throw .input(.expected, Tool.failure(error, naming: golden).description)
    }
  }

  /// Opens the trace.
  func openActual() throws(GoldenFailure) -> TraceFile {
    do throws(ToolError) { return try openTrace(trace) } catch { throw .input(.actual, error.description) }
  }

  /// Does something with the trace; what goes wrong names it.
  func namingTrace<Value>(_ body: () throws(GoldenError) -> Value) throws(GoldenFailure) -> Value {
    do throws(GoldenError) { return try body() } catch {
      throw .input(.actual, Tool.failure(error, naming: trace).description)
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
