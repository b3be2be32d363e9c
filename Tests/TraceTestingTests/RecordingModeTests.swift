import Foundation
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import TraceTesting

@Suite struct RecordingModeTests {
  @Test(arguments: names)
  func neverNeedsAReference(_ name: String) throws {
    let checks = try Checks()
    let path = checks.folder.path(name)
    let outcome = checks.check(try checks.write(), name, environment: ["CI": "true"])
    #expect(
      outcome.lines.first
        == "there is no reference: \(path) does not exist, and nothing is recorded (the default where CI is set)")
    #expect(outcome.says("to record it, run the test with TRACE_RECORD=missing, and commit the file"))
    #expect(outcome.keptTrace == checks.folder.path(name + ".failed.trace") && !checks.exists(name))
    #expect(checks.exists(name + ".failed.trace"))
  }

  /// The first time fails, the second passes.
  @Test(arguments: names, [TraceRecordMode.missing, .changed, .all])
  func missingIsRecorded(_ name: String, _ mode: TraceRecordMode) throws {
    let checks = try Checks()
    let actual = try checks.write()
    let outcome = checks.check(actual, "deep/folder/\(name)", mode)
    let path = checks.folder.path("deep/folder/\(name)")
    #expect(outcome.lines.first == "there was no reference; recorded 111 records and 3 tokens: \(path)")
    #expect(outcome.lines.last?.hasPrefix("nothing was checked, so the test fails: look at the file") == true)
    #expect(outcome.keptTrace == nil)
    #expect(checks.check(actual, "deep/folder/\(name)", .never) == .passed)
    guard name == "some.trace" else { return }
    #expect(try checks.folder.read("deep/folder/some.trace") == checks.folder.read("actual.trace"))
  }

  @Test func theDefaultRecordsWhatIsMissing() throws {
    let checks = try Checks()
    let outcome = checks.check(try checks.write(), "some.golden")
    #expect(outcome.lines.first?.hasPrefix("there was no reference; ") == true)
    #expect(outcome.lines.last?.hasSuffix("look at the file, commit it, and run the test again") == true)
    #expect(checks.exists("some.golden"))
  }

  /// Whoever chose the mode has to take it back.
  @Test func theNextRun() throws {
    let checks = try Checks()
    let actual = try checks.write()
    let chosen = checks.check(actual, "some.golden", environment: ["TRACE_RECORD": "all"])
    #expect(chosen.lines.last?.hasSuffix("and run the test again without TRACE_RECORD=all") == true)
    let argument = checks.check(actual, "some.golden", .all)
    #expect(argument.lines.last?.hasSuffix("and run the test again without recording: .all") == true)
  }

  /// A recording is called that, since its temporary file is gone when the message is read.
  @Test(arguments: names)
  func recordingsHaveNoPath(_ name: String) throws {
    let checks = try Checks()
    func check(_ value: Float) -> ExpectationOutcome {
      let recording = TraceRecording()
      recording.record("q", [value])
      let place = SourcePlace(fileID: "Module/Some.swift", filePath: "/nowhere/Some.swift", line: 1, column: 1)
      let expectation = TraceExpectation(
        reference: checks.folder.path(name), place: place, recording: .changed, .init(), environment: [:])
      let outcome = expectation.check(recording)
      #expect(outcome.failure?.contains(recording.path) == false)
      return outcome
    }
    #expect(check(1).lines.first?.hasPrefix("there was no reference; recorded 1 record ") == true)
    #expect(check(2).says("actual     the recording: TraceTesting"))
  }

  /// What differs, even within tolerance, is recorded anew, fails once, and is said.
  @Test(arguments: names, [Float(0.25), 1e-6])
  func changedRecordsWhatDiffers(_ name: String, _ size: Float) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let before = try checks.text(name).split(separator: "\n", omittingEmptySubsequences: false)
    let actual = try checks.write { $0.change(someKey, at: 3) { $0 + size } }
    let outcome = checks.check(actual, name, .changed)
    #expect(outcome.lines.first == "the reference differed and was recorded anew: \(checks.folder.path(name))")
    let beyond = size > 1e-3 ? 1 : 0
    let moved =
      name == "some.golden"
      ? "updated: 1 of 111 records moved, \(beyond) beyond tolerance; 2 of \(before.count - 1) lines written anew, 2 gone"
      : "compared   111 records, 936 elements; 1 differ, \(beyond) beyond tolerance"
    #expect(outcome.says(moved))
    #expect(outcome.lines.contains { $0.hasPrefix("First bitwise difference") || $0.hasPrefix("  q.rope") })
    #expect(outcome.lines.last?.hasPrefix("nothing was checked, so the test fails") == true)
    if name == "some.golden" {
      let after = try checks.text(name).split(separator: "\n", omittingEmptySubsequences: false)
      #expect(after.count == before.count && zip(before, after).filter { $0 != $1 }.count == 2)
    }
    #expect(checks.check(actual, name, .never, tolerance: .exact) == .passed)
    #expect(checks.check(actual, name, .changed) == .passed)
  }

  /// Where nothing differs, the check is one all the same.
  @Test(arguments: names)
  func changedStillChecks(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let actual = try checks.write()
    let unused = checks.check(actual, name, .changed, filter: .init(names: [NamePattern("qq")]))
    #expect(unused.failure == "filter: no tensor of the reference or the trace matches 'qq'")
    let nothing = checks.check(actual, name, .changed, filter: .init(positions: IndexRange(first: 7)))
    #expect(nothing.lines.first?.hasPrefix("incomparable: nothing to compare: ") == true)
  }

  /// Records that came and went, and another model.
  @Test(arguments: names)
  func changedRecordsAnythingElse(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let fewer = try checks.write { $0.records[someKey] = nil }
    #expect(checks.check(fewer, name, .changed).failure != nil)
    #expect(checks.check(fewer, name, .never) == .passed)
    let other = try checks.write { $0.header[integer: .dim] = 16 }
    #expect(checks.check(other, name, .changed).failure?.contains("dim") == true)
    #expect(checks.check(other, name, .never) == .passed)
  }

  @Test(arguments: names)
  func allRecordsEverything(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let before = try checks.folder.read(name)
    let same = checks.check(try checks.write(), name, .all)
    #expect(same.lines.first == "recorded anew: \(checks.folder.path(name))")
    #expect(try checks.folder.read(name) == before)
    let faulty = try checks.writeFaulty()
    #expect(checks.check(faulty, name, .all).failure?.contains("q.rope") == true)
    #expect(checks.check(faulty, name, .never, tolerance: .exact) == .passed)
  }

  /// Only `all` replaces a reference that cannot be read.
  @Test(arguments: names)
  func damagedReferences(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let damaged = Array(try checks.folder.read(name).prefix(40))
    try checks.folder.write(damaged, as: name)
    let actual = try checks.write()
    for mode in [TraceRecordMode.never, .missing, .changed] {
      #expect(checks.check(actual, name, mode).failure?.hasPrefix("the reference cannot be read: ") == true)
      #expect(try checks.folder.read(name) == damaged)
    }
    #expect(checks.check(actual, name, .all).lines.first?.hasPrefix("recorded 111 records and 3 tokens: ") == true)
    #expect(checks.check(actual, name, .never) == .passed)
  }

  /// A trace in the place of a golden becomes one.
  @Test func allGoesByTheName() throws {
    let checks = try Checks()
    let actual = try checks.write()
    try checks.folder.write(checks.folder.read("actual.trace"), as: "some.golden")
    #expect(checks.check(actual, "some.golden", .never) == .passed)
    #expect(checks.check(actual, "some.golden", .all).failure != nil)
    #expect(try checks.text("some.golden").hasPrefix("tracediff golden 1\n"))
  }

  /// What is not whole becomes no reference.
  @Test(arguments: names, [TraceRecordMode.missing, .all])
  func onlyWholeTracesAreRecorded(_ name: String, _ mode: TraceRecordMode) throws {
    let checks = try Checks()
    let cut = try synthetic.write(to: checks.folder.path("cut.trace"), isFinished: false)
    #expect(checks.check(cut, name, mode).failure?.contains("cut short") == true)
    _ = try checks.write()
    var bytes = try checks.folder.read("actual.trace")
    bytes[bytes.count / 2] ^= 1
    let flipped = try checks.folder.write(bytes, as: "flipped.trace")
    #expect(checks.check(flipped, name, mode).failure?.hasPrefix("the reference cannot be recorded: ") == true)
    let empty = try SyntheticTrace(emptyFrom: "test").write(to: checks.folder.path("empty.trace"))
    #expect(checks.check(empty, name, mode).failure?.hasSuffix("the trace holds no record") == true)
    #expect(!checks.exists(name) && !checks.exists(name + ".partial"))
  }

  /// A cut trace does not replace a good reference.
  @Test(arguments: names)
  func changedKeepsAGoodReference(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let before = try checks.folder.read(name)
    let cut = try synthetic.write(to: checks.folder.path("cut.trace"), isFinished: false)
    #expect(checks.check(cut, name, .changed).failure?.contains("cut short") == true)
    #expect(try checks.folder.read(name) == before)
  }

  @Test(arguments: ["some", "some.txt", "golden"])
  func unknownEndings(_ name: String) throws {
    let checks = try Checks()
    let outcome = checks.check(try checks.write(), name, .missing)
    #expect(
      outcome.failure
        == "\(checks.folder.path(name)): cannot tell what to record: expected a name that ends in .golden or .trace")
    #expect(!checks.exists(name))
  }

  @Test(arguments: names)
  func anUnwritableFolder(_ name: String) throws {
    let checks = try Checks()
    try checks.folder.write([], as: "file")
    let outcome = checks.check(try checks.write(), "file/\(name)", .missing)
    #expect(outcome.failure?.hasPrefix("the reference cannot be recorded: ") == true)
  }

  /// References are relative to the folder of the source file, which a test that was built elsewhere may lack.
  @Test(arguments: [
    ("Goldens/some.golden", "/nowhere/tests/Goldens/some.golden"), ("../some.golden", "/nowhere/some.golden"),
  ])
  func theTestsFolder(_ reference: String, _ resolved: String) throws {
    let checks = try Checks()
    let place = SourcePlace(fileID: "Module/Some.swift", filePath: "/nowhere/tests/Some.swift", line: 1, column: 1)
    let expectation = TraceExpectation(
      reference: reference, place: place, recording: .missing, .init(), environment: [:])
    #expect(expectation.reference == resolved)
    #expect(
      expectation.check(try checks.write()).failure
        == "the folder of the test's source file does not exist: expected /nowhere/tests; "
        + "name the reference by its whole path")
  }
}
