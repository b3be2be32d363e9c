import Foundation
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import TraceTesting

@Suite struct KeptTraceTests {
  private static let place = SourcePlace(
    fileID: "KernelTests/NormTests.swift", filePath: "/tests/NormTests.swift", line: 1, column: 1)

  @Test(arguments: [
    ("a.golden", "/tests/a.golden.failed.trace", "/kept/KernelTests.NormTests.a.golden.failed.trace"),
    (
      "Goldens/a.trace", "/tests/Goldens/a.trace.failed.trace",
      "/kept/KernelTests.NormTests.Goldens-a.trace.failed.trace"
    ),
    ("../a.b", "/a.b.failed.trace", "/kept/KernelTests.NormTests...-a.b.failed.trace"),
    ("/x/a.golden", "/x/a.golden.failed.trace", "/kept/KernelTests.NormTests.-x-a.golden.failed.trace"),
  ])
  func places(_ reference: String, _ beside: String, _ inFolder: String) {
    func path(_ environment: [String: String]) -> String {
      TraceExpectation(reference: reference, place: Self.place, recording: nil, .init(), environment: environment)
        .kept.path
    }
    #expect(path([:]) == beside)
    #expect(path(["TRACE_FAILURES": ""]) == beside)
    #expect(path(["TRACE_FAILURES": "/kept"]) == inFolder)
  }

  @Test func inAFolderThatIsMade() throws {
    let checks = try Checks()
    try checks.makeReference("some.golden")
    let folder = checks.folder.path("a/b")
    let outcome = checks.check(
      try checks.writeFaulty(), "some.golden", environment: ["TRACE_FAILURES": folder])
    let kept = try #require(outcome.keptTrace)
    #expect(kept.hasPrefix(folder + "/Module.Some.") && outcome.says("the trace is kept: \(kept)"))
    #expect(try TraceFile(path: kept).recordCount == 111)
    #expect(!checks.exists("some.golden.failed.trace"))
  }

  /// A golden and a trace of one name: each failure has its own.
  @Test(arguments: [true, false])
  func twoReferencesOfOneName(_ isFolderGiven: Bool) throws {
    let checks = try Checks()
    for name in names { try checks.makeReference(name) }
    let actual = try checks.writeFaulty()
    let environment = isFolderGiven ? ["TRACE_FAILURES": checks.folder.path("kept")] : [:]
    let kept = names.compactMap { checks.check(actual, $0, environment: environment).keptTrace }
    #expect(kept.count == 2 && kept[0] != kept[1])
  }

  /// The failure is told all the same.
  @Test func whereItCannotBeKept() throws {
    let checks = try Checks()
    try checks.makeReference("some.golden")
    try checks.folder.write([], as: "file")
    let outcome = checks.check(
      try checks.writeFaulty(), "some.golden", environment: ["TRACE_FAILURES": checks.folder.path("file")])
    #expect(outcome.lines.first == "diverged: q.rope, layer 1, position 1 is the first tensor beyond tolerance")
    #expect(outcome.lines.last?.hasPrefix("the trace could not be kept: ") == true && outcome.keptTrace == nil)
  }

  /// A kept trace can be checked itself.
  @Test func whereItLiesAlready() throws {
    let checks = try Checks()
    try checks.makeReference("some.golden")
    let kept = checks.check(try checks.writeFaulty(), "some.golden").keptTrace
    let before = try checks.folder.read("some.golden.failed.trace")
    #expect(checks.check(try #require(kept), "some.golden").keptTrace == kept)
    #expect(try checks.folder.read("some.golden.failed.trace") == before)
  }

  @Test(arguments: [
    (Comparison(), ""),
    (Comparison(tolerance: .exact), " --exact"),
    (Comparison(tolerance: .init(rtol: 1e-6, atol: 0)), " --rtol 1e-06 --atol 0"),
    (Comparison(tolerance: .init(ulp: 4)), " --ulp 4"),
    (Comparison(tolerance: .init(rtol: 1e-6, ulp: 4)), " --ulp 4 --rtol 1e-06"),
    (Comparison(tolerance: .init(rtolOverrides: [.init(NamePattern("*.rope"), 0.5)])), " --rtol '*.rope=0.5'"),
    (Comparison(tolerance: .init(atolOverrides: [.init(NamePattern("q"), 0.5)])), " --atol q=0.5"),
    (
      Comparison(
        filter: .init(
          names: [NamePattern("q"), NamePattern("k.rope")], layers: IndexRange(first: 1, last: 3),
          positions: IndexRange(first: 2)), comparesCommonOnly: true),
      " --only q,k.rope --layers 1..3 --positions 2.. --common"
    ),
    (Comparison(filter: .init(layers: IndexRange(first: 1, last: 1))), " --layers 1"),
    (Comparison(filter: .init(excluded: [NamePattern("att"), NamePattern("k")])), " --except att,k"),
  ])
  func command(_ comparison: Comparison, _ options: String) {
    let command = NextCommand(comparing: .trace, reference: "/a b/it's.trace", trace: "/t.trace", comparison)
    #expect(command.text == "tracediff '/a b/it'\\''s.trace' /t.trace" + options)
  }
}
