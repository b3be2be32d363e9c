import Goldens
import ToolSupport
import TraceComparison
import TraceFormat

/// `tracediff golden record TRACE -o FILE`.
enum GoldenRecording {
  static func run(_ files: GoldenFiles) throws -> ExitStatus {
    var trace = try files.openActual()
    let golden = try files.namingTrace { () throws(GoldenError) in try Golden(recording: &trace) }
    let bytes = Array(golden.text.utf8)
    try Tool.write(bytes, to: files.golden)
    try files.write(GoldenDocument(recorded: golden, goldenPath: files.golden, actualPath: files.trace))
    let isPrinted = try Tool.isStandardOutput(files.golden)
    Tool.diagnose(
      Program.name,
      "\(count(golden.recordCount, "record")) and \(count(golden.tokens.count, "token")), "
        + "\(Quantity.size(bytes.count)) in \(isPrinted ? "standard output" : files.golden)")
    return .success
  }
}
