import TestSupport
import TraceComparison
import TraceFormat
import XCTest

@testable import TraceTesting

/// The public functions under XCTest. Failures that are expected are collected instead of being recorded.
final class ExpectTraceXCTests: XCTestCase {
  private var isCollecting = false
  private var collected: [(message: String, file: String, line: Int)] = []

  #if canImport(Darwin)
    override func record(_ issue: XCTIssue) {
      guard isCollecting else { return super.record(issue) }
      let place = issue.sourceCodeContext.location
      collected.append((issue.compactDescription, place?.fileURL.path ?? "", place?.lineNumber ?? 0))
    }
  #else
    override func recordFailure(
      withDescription description: String, inFile filePath: String, atLine lineNumber: Int, expected: Bool
    ) {
      guard isCollecting else {
        return super.recordFailure(
          withDescription: description, inFile: filePath, atLine: lineNumber, expected: expected)
      }
      collected.append((description, filePath, lineNumber))
    }
  #endif

  private func collect(_ body: () throws -> Void) rethrows {
    isCollecting = true
    defer { isCollecting = false }
    try body()
  }

  func testACommittedGolden() throws {
    let folder = try TemporaryFolder()
    let path = try synthetic.write(to: folder.path("a.trace"))
    XCTAssertTrue(expectTrace(path, matches: "Goldens/synthetic.golden", tolerance: .exact, recording: .never))
  }

  func testAFailureIsRecordedAtItsPlace() throws {
    for name in names {
      let checks = try Checks()
      try checks.makeReference(name)
      let actual = try checks.writeFaulty()
      let line = #line + 1
      collect { expectTrace(actual, matches: checks.folder.path(name), recording: .never) }
      let failure = try XCTUnwrap(collected.first)
      collected.removeAll()
      XCTAssertTrue(
        failure.message.contains("diverged: q.rope, layer 1, position 1 is the first tensor beyond tolerance\n"))
      XCTAssertTrue(failure.message.contains("the trace is kept: \(checks.folder.path(name + ".failed.trace"))\n"))
      XCTAssertEqual(failure.file, #filePath)
      XCTAssertEqual(failure.line, line)
    }
  }

  func testEveryModeFailsWithoutAReference() throws {
    for mode in TraceRecordMode.allCases {
      let checks = try Checks()
      let recording = TraceRecording()
      recording.record("q.rope", layer: 0, [1, 2, 3] as [Float])
      collect { expectTrace(recording, matches: checks.folder.path("some.golden"), recording: mode) }
      let failure = try XCTUnwrap(collected.first)
      collected.removeAll()
      XCTAssertTrue(failure.message.contains(mode == .never ? "there is no reference" : "there was no reference"))
      XCTAssertEqual(checks.exists("some.golden"), mode != .never)
    }
  }
}
