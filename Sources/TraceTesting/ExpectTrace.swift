public import TraceComparison
public import TraceFormat

/// Checks a trace against a reference, in Swift Testing and in XCTest. A failure says where the two part and by how
/// much.
///
/// `docs/testing.md` says how references are recorded and where the traces of failed checks are kept.
///
/// - Parameters:
///   - actual: the path of the trace under test.
///   - reference: a golden or a trace, told by its content; a path relative to the folder of the test's source file.
///     What is recorded is a golden where the name ends in `.golden` and a trace where it ends in `.trace`.
///   - tolerance: how far elements may lie apart; against a golden, how far tensors may (no `ulp`).
///   - filter: which records are compared; a pattern that matches nothing is a failure.
///   - commonOnly: whether records that only one side has are left out instead of failing the check.
///   - recording: what is recorded; by default what the environment's `TRACE_RECORD` says.
/// - Returns: whether the trace passes.
@discardableResult
public func expectTrace(
  _ actual: String, matches reference: String, tolerance: Tolerance = .default, filter: RecordFilter = RecordFilter(),
  commonOnly: Bool = false, recording: TraceRecordMode? = nil, fileID: StaticString = #fileID,
  filePath: StaticString = #filePath, line: UInt = #line, column: UInt = #column
) -> Bool {
  let place = SourcePlace(fileID: fileID, filePath: filePath, line: line, column: column)
  let expectation = TraceExpectation(
    reference: reference, place: place, recording: recording,
    Comparison(tolerance: tolerance, filter: filter, comparesCommonOnly: commonOnly))
  return TestFramework.report(expectation.check(actual), at: place)
}

/// Checks what a test has recorded against a reference; otherwise as for a trace's path. The check ends the recording,
/// which can be checked any number of times.
///
/// - Parameter actual: the recording under test.
/// - Returns: whether it passes.
@discardableResult
public func expectTrace(
  _ actual: TraceRecording, matches reference: String, tolerance: Tolerance = .default,
  filter: RecordFilter = RecordFilter(), commonOnly: Bool = false, recording: TraceRecordMode? = nil,
  fileID: StaticString = #fileID, filePath: StaticString = #filePath, line: UInt = #line, column: UInt = #column
) -> Bool {
  let place = SourcePlace(fileID: fileID, filePath: filePath, line: line, column: column)
  let expectation = TraceExpectation(
    reference: reference, place: place, recording: recording,
    Comparison(tolerance: tolerance, filter: filter, comparesCommonOnly: commonOnly))
  return TestFramework.report(expectation.check(actual), at: place)
}
