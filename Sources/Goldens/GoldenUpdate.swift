package import TraceComparison
package import TraceFormat

/// What a trace makes of a golden: the new golden, and how far its records moved from the old one.
package struct GoldenUpdate: Sendable {
  /// The golden of the trace.
  package let golden: Golden
  /// What moved. Records that only one side has do not make the two incomparable.
  package let verdict: GoldenVerdict
  /// Number of lines of the new golden.
  package let lineCount: Int
  /// Number of these that the old golden does not have.
  package let changedLines: Int
  /// Number of lines of the old golden that are gone.
  package let removedLines: Int

  /// Whether anything changed.
  package var isChanged: Bool { changedLines > 0 || removedLines > 0 }

  /// Records a trace anew and compares it with its golden, in one pass.
  ///
  /// - Parameters:
  ///   - source: the trace, not yet read from.
  ///   - tolerance: what movements are measured by; nothing is kept back for being within it.
  /// - Throws: `GoldenError.cannotRecord` for a trace that is damaged, cut short or empty, or that lacks tokens or
  ///   records which its header promises.
  package init<Source: TensorSource & ~Copyable>(
    _ old: Golden, _ source: inout Source, tolerance: Tolerance = .default
  ) throws(GoldenError) {
    var run = GoldenRun(GoldenCheck(tolerance: tolerance, comparesCommonOnly: true), old, source)
    run.recorder = GoldenRecorder()
    run.merge(&source)
    let result = run.finish(source)
    if let failure = result.failure { throw failure }
    if let problem = result.verdict.problems.entries.first { throw .cannotRecord(problem.message) }
    guard let recorder = result.recorder else { throw .cannotRecord("nothing was recorded") }
    golden = try recorder.finish(source)
    verdict = result.verdict
    let (before, after) = (old.lines, golden.lines)
    lineCount = after.count
    changedLines = Self.count(of: after, lackedBy: before)
    removedLines = Self.count(of: before, lackedBy: after)
  }

  /// How many lines of one text another does not have, each as often as it occurs.
  private static func count(of lines: [String], lackedBy others: [String]) -> Int {
    var counts: [String: Int] = [:]
    for line in others { counts[line, default: 0] += 1 }
    var lacking = 0
    for line in lines {
      if let count = counts[line], count > 0 { counts[line] = count - 1 } else { lacking += 1 }
    }
    return lacking
  }
}
