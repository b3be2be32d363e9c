import Goldens
import ToolSupport
import TraceComparison
import TraceFormat

/// `tracediff golden update FILE TRACE`.
enum GoldenUpdating {
  static func run(_ files: GoldenFiles, _ tolerance: Tolerance) throws(GoldenFailure) -> ExitStatus {
    let old = try files.readGolden()
    var trace = try files.openActual()
    let update = try files.namingTrace { () throws(GoldenError) in
      try GoldenUpdate(old, &trace, tolerance: tolerance)
    }
    do throws(UsageError) { try update.verdict.unused.requireNone(in: "the golden or the trace") } catch {
      throw .usage(error)
    }
    let report = GoldenUpdateReport(update, of: old, goldenPath: files.golden, actualPath: files.trace)
    do throws(ToolError) {
      if update.isChanged { try Tool.write(Array(update.golden.text.utf8), to: files.golden) }
      try files.print(report.text)
      try files.write(GoldenDocument(update, goldenPath: files.golden, actualPath: files.trace))
    } catch { throw .tool(error) }
    return .success
  }
}
