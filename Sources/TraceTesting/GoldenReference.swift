import Goldens
import TraceComparison
import TraceFormat

/// A golden as the reference of a check.
struct GoldenReference {
  /// Where it is.
  let path: String

  /// Compares a trace with it.
  func judge(_ actual: consuming TraceFile, _ comparison: Comparison) throws(ExpectationError) -> Judgement {
    guard comparison.tolerance.ulp == nil else { throw .ulpOfGolden(path) }
    let check = GoldenCheck(
      tolerance: comparison.tolerance, filter: comparison.filter, comparesCommonOnly: comparison.comparesCommonOnly)
    let verdict = check.check(try read(), &actual)
    try verdict.unused.requireNone()
    let path = path
    return Judgement(passes: verdict.exitStatus == 0) { name in
      GoldenReport(verdict, goldenPath: path, actualPath: name).text
    }
  }

  /// Records it from a trace.
  ///
  /// - Returns: what was recorded, as `12 records and 3 tokens`.
  func record(_ actual: consuming TraceFile) throws(ExpectationError) -> String {
    let source = actual.path
    do throws(GoldenError) {
      let golden = try Golden(recording: &actual)
      try write(golden)
      return "\(count(golden.recordCount, "record")) and \(count(golden.tokens.count, "token"))"
    } catch { throw .cannotRecord(error.naming(source)) }
  }

  /// Records it anew where the trace differs: only lines that changed differ.
  func update(_ actual: consuming TraceFile, _ tolerance: Tolerance) throws(ExpectationError) -> Movement {
    let old = try read()
    let source = actual.path
    do throws(GoldenError) {
      let update = try GoldenUpdate(old, &actual, tolerance: tolerance)
      if update.isChanged { try write(update.golden) }
      let path = path
      return Movement(isChanged: update.isChanged) { name in
        GoldenUpdateReport(update, of: old, goldenPath: path, actualPath: name).text
      }
    } catch { throw .cannotRecord(error.naming(source)) }
  }

  private func read() throws(ExpectationError) -> Golden {
    do throws(GoldenError) { return try Golden(path: path) } catch { throw .unreadableReference(error.naming(path)) }
  }

  private func write(_ golden: Golden) throws(GoldenError) {
    do throws(FileError) { try writeFile(Array(golden.text.utf8).span.bytes, to: path) } catch { throw .file(error) }
  }
}
