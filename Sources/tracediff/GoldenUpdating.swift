import Goldens
import ToolSupport
import TraceComparison
import TraceFormat

/// `tracediff golden update FILE TRACE`.
enum GoldenUpdating {
  static func run(_ files: GoldenFiles, _ tolerance: Tolerance) throws -> ExitStatus {
    let old = try files.readGolden()
    var trace = try files.openActual()
    let update = try files.namingTrace { () throws(GoldenError) in
      try GoldenUpdate(old, &trace, tolerance: tolerance)
    }
    try update.verdict.unused.requireNone(in: "the golden or the trace")
    let report = GoldenUpdateReport(update, of: old, goldenPath: files.golden, actualPath: files.trace)
    if update.isChanged { try Tool.write(Array(update.golden.text.utf8), to: files.golden) }
    try files.print(report.text)
    try files.write(GoldenDocument(update, goldenPath: files.golden, actualPath: files.trace))
    return .success
  }
}
