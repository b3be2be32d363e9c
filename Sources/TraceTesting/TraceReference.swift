import Foundation
import TraceComparison
import TraceFormat

/// A whole trace as the reference of a check.
struct TraceReference {
  /// Where it is.
  let path: String

  /// Compares a trace with it.
  func judge(_ actual: borrowing TraceFile, _ comparison: Comparison) throws(ExpectationError) -> Judgement {
    let verdict = comparison.compare(try read(), actual)
    try verdict.unused.requireNone()
    let path = path
    return Judgement(passes: verdict.exitStatus == 0) { name in
      Report(verdict, expectedPath: path, actualPath: name).text
    }
  }

  /// Records it: a copy of the trace, which must be whole.
  ///
  /// - Returns: what was recorded, as `12 records and 3 tokens`.
  func record(_ actual: consuming TraceFile) throws(ExpectationError) -> String {
    let source = actual.path
    do throws(TraceError) { try Self.requireWhole(&actual) } catch { throw .cannotRecord(error.naming(source)) }
    do throws(FileError) { try copyFile(source, to: path) } catch { throw .cannotRecord("\(error)") }
    return "\(count(actual.recordCount, "record")) and \(count(actual.tokens.count, "token"))"
  }

  /// Records it anew where the trace differs.
  func update(_ actual: consuming TraceFile, _ tolerance: Tolerance) throws(ExpectationError) -> Movement {
    let source = actual.path
    let expected = try read()
    do throws(TraceError) { try Self.requireWhole(&actual) } catch { throw .cannotRecord(error.naming(source)) }
    let isChanged = !FileManager.default.contentsEqual(atPath: path, andPath: source)
    let verdict = Comparison(tolerance: tolerance, comparesCommonOnly: true).compare(expected, actual)
    if isChanged {
      do throws(FileError) { try copyFile(source, to: path) } catch { throw .cannotRecord("\(error)") }
    }
    let path = path
    return Movement(isChanged: isChanged) { name in Report(verdict, expectedPath: path, actualPath: name).text }
  }

  private func read() throws(ExpectationError) -> TraceFile {
    do throws(TraceError) { return try TraceFile(path: path) } catch {
      throw .unreadableReference("neither a golden nor a trace: \(error.naming(path))")
    }
  }

  /// Checks that a trace is complete and that every record of it is good.
  private static func requireWhole(_ trace: inout TraceFile) throws(TraceError) {
    if let problem = trace.problems.first { throw problem }
    guard trace.isComplete else { throw .cannotRecord("the trace is cut short") }
    guard trace.recordCount > 0 else { throw .cannotRecord("the trace holds no record") }
    while let key = trace.next() { _ = try trace.withRecord(key) { $0.elementCount } }
  }
}
