import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import TraceTesting

/// The public functions under Swift Testing.
@Suite struct ExpectTraceTests {
  /// The reference lies in this file's folder.
  @Test func aCommittedGolden() throws {
    let folder = try TemporaryFolder()
    let path = try synthetic.write(to: folder.path("a.trace"))
    #expect(expectTrace(path, matches: "Goldens/synthetic.golden", tolerance: .exact, recording: .never))
  }

  /// A failure is an issue at the place of the call, with the whole report.
  @Test(arguments: names)
  func aFailureIsAnIssue(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let actual = try checks.writeFaulty()
    let line = #line + 2
    withKnownIssue {
      #expect(!expectTrace(actual, matches: checks.folder.path(name), recording: .never))
    } matching: { issue in
      let text = issue.comments.first?.rawValue ?? ""
      return issue.sourceLocation?.line == line && issue.sourceLocation?.fileID == #fileID
        && text.hasPrefix("diverged: q.rope, layer 1, position 1 is the first tensor beyond tolerance\n")
        && text.contains("the trace is kept: \(checks.folder.path(name + ".failed.trace"))\n")
    }
  }

  @Test func aPlaceThatIsHandedOn() throws {
    let checks = try Checks()
    withKnownIssue {
      expectTrace(
        "/nowhere/a.trace", matches: checks.folder.path("some.golden"), recording: .never, fileID: "Other/File.swift",
        filePath: "/other/File.swift", line: 12, column: 3)
    } matching: { issue in
      let place = issue.sourceLocation
      return place?.fileID == "Other/File.swift" && place?.line == 12 && place?.column == 3
        && issue.comments.first?.rawValue.hasPrefix("the trace cannot be read: /nowhere/a.trace: ") == true
    }
  }

  /// Every mode fails a recording without a reference.
  @Test(arguments: names, TraceRecordMode.allCases)
  func withoutAReference(_ name: String, _ mode: TraceRecordMode) throws {
    let folder = try TemporaryFolder()
    let recording = TraceRecording()
    recording.record("q.rope", layer: 0, [1, 2, 3] as [Float])
    withKnownIssue {
      expectTrace(recording, matches: folder.path(name), recording: mode)
    } matching: {
      $0.comments.first?.rawValue.hasPrefix(mode == .never ? "there is no reference" : "there was no reference") == true
    }
    guard mode != .never else { return }
    expectTrace(recording, matches: folder.path(name), tolerance: .exact, recording: .never)
  }

  @Test func aMistakeInARecording() throws {
    let recording = TraceRecording()
    for _ in 0..<2 { recording.record("q", [1.0]) }
    withKnownIssue {
      expectTrace(recording, matches: "Goldens/none.golden", recording: .never)
    } matching: {
      $0.comments.first?.rawValue == "the tensors were not recorded: q, position 0: it was recorded before"
    }
  }
}
