import Foundation
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import TraceTesting

@Suite struct ComparingTests {
  @Test(arguments: names, [TraceRecordMode.never, .missing, .changed])
  func equalPasses(_ name: String, _ mode: TraceRecordMode) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let before = try checks.folder.read(name)
    #expect(checks.check(try checks.write(), name, mode) == .passed)
    #expect(try checks.folder.read(name) == before)
    #expect(!checks.exists(name + ".failed.trace"))
  }

  @Test(arguments: names)
  func toleranceDecides(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let actual = try checks.write { $0.change(someKey, at: 3) { $0 * (1 + 1e-5) } }
    #expect(checks.check(actual, name) == .passed)
    #expect(checks.check(actual, name, tolerance: .init(rtol: 1e-7)).failure != nil)
    let outcome = checks.check(actual, name, tolerance: .exact)
    #expect(
      outcome.lines.first == "diverged: q.rope, layer 1, position 1 is the first tensor beyond tolerance")
    #expect(outcome.lines.suffix(2).first?.hasSuffix(name + ".failed.trace --exact") == true)
    #expect(outcome.lines.last == "if it is meant to differ: TRACE_RECORD=changed")
  }

  @Test(arguments: names, [TraceRecordMode.never, .missing])
  func whereAndHowMuch(_ name: String, _ mode: TraceRecordMode) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let before = try checks.folder.read(name)
    let actual = try checks.writeFaulty()
    let outcome = checks.check(actual, name, mode)
    let kept = checks.folder.path(name + ".failed.trace")
    #expect(outcome.lines.first == "diverged: q.rope, layer 1, position 1 is the first tensor beyond tolerance")
    #expect(outcome.says("First bitwise difference, and first beyond tolerance: q.rope, layer 1, position 1"))
    #expect(outcome.lines.contains { $0.hasPrefix("actual     \(kept): ") })
    #expect(name == "some.golden" || outcome.says("  worst       element [3]: head 0, element 3"))
    #expect(outcome.says("the trace is kept: \(kept)") && outcome.keptTrace == kept)
    let command = name == "some.golden" ? "tracediff golden check" : "tracediff"
    #expect(outcome.says("go on with: \(command) \(checks.folder.path(name)) \(kept)"))
    #expect(try checks.folder.read(name + ".failed.trace") == checks.folder.read("actual.trace"))
    #expect(try checks.folder.read(name) == before)
  }

  /// What is left out by name is not compared; what only one side has fails.
  @Test(arguments: names)
  func whatIsCompared(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let faulty = try checks.writeFaulty()
    #expect(checks.check(faulty, name, filter: .init(names: [NamePattern("logits")])) == .passed)
    #expect(checks.check(faulty, name, filter: .init(layers: IndexRange(first: 1))).failure != nil)
    #expect(checks.check(faulty, name, tolerance: .init(rtolOverrides: [.init(NamePattern("q"), 10)])) == .passed)
    let fewer = try checks.write { $0.records[someKey] = nil }
    let lacking = checks.check(fewer, name)
    #expect(lacking.lines.first?.hasPrefix("incomparable: ") == true)
    #expect(lacking.lines.first?.contains("q.rope, layer 1, position 1") == true)
    #expect(checks.check(fewer, name, commonOnly: true) == .passed)
  }

  /// A pattern that matches nothing checks nothing.
  @Test(arguments: names)
  func unusedPatterns(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let actual = try checks.write()
    let filtered = checks.check(actual, name, filter: .init(names: [NamePattern("logits"), NamePattern("qq")]))
    #expect(filtered.failure == "filter: no tensor of the reference or the trace matches 'qq'")
    let excluding = checks.check(actual, name, filter: .init(excluded: [NamePattern("qq")]))
    #expect(excluding.failure == "filter: no tensor of the reference or the trace matches 'qq'")
    let relative = checks.check(actual, name, tolerance: .init(rtolOverrides: [.init(NamePattern("qq"), 1)]))
    #expect(relative.failure == "rtolOverrides: no tensor of the reference or the trace matches 'qq'")
    let absolute = checks.check(actual, name, tolerance: .init(atolOverrides: [.init(NamePattern("qq"), 1)]))
    #expect(absolute.failure == "atolOverrides: no tensor of the reference or the trace matches 'qq'")
  }

  @Test(arguments: names)
  func nothingInCommonFails(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let filter = RecordFilter(positions: IndexRange(first: 7))
    let outcome = checks.check(try checks.write(), name, filter: filter, commonOnly: true)
    #expect(outcome.lines.first?.hasPrefix("incomparable: nothing to compare: ") == true)
  }

  @Test(arguments: names)
  func aDamagedTraceFails(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let cut = try synthetic.write(to: checks.folder.path("cut.trace"), isFinished: false)
    let outcome = checks.check(cut, name)
    #expect(outcome.lines.first?.contains("cut short") == true)
    #expect(outcome.says("the trace is kept: \(checks.folder.path(name + ".failed.trace"))"))
  }

  @Test func ulpNeedsATrace() throws {
    let checks = try Checks()
    for name in names { try checks.makeReference(name) }
    let actual = try checks.write { $0.change(someKey, at: 3) { $0.nextUp } }
    #expect(checks.check(actual, "some.trace", tolerance: .init(ulp: 1)) == .passed)
    let outcome = checks.check(actual, "some.golden", tolerance: .init(ulp: 1))
    #expect(outcome.failure == "\(ExpectationError.ulpOfGolden(checks.folder.path("some.golden")))")
    #expect(outcome.failure?.contains("a golden does not tell ulps: expected rtol, atol or exact") == true)
  }

  @Test(arguments: names)
  func unreadableFiles(_ name: String) throws {
    let checks = try Checks()
    try checks.makeReference(name)
    let none = checks.folder.path("none.trace")
    let missing = checks.check(none, name)
    #expect(missing.lines.count == 1 && missing.keptTrace == nil)
    #expect(missing.failure?.hasPrefix("the trace cannot be read: \(none): cannot open: ") == true)
    let text = try checks.folder.write(Array("text, no trace".utf8), as: "text.trace")
    #expect(checks.check(text, name).failure?.hasPrefix("the trace cannot be read: \(text): ") == true)
    try checks.folder.write(Array("something else".utf8), as: name)
    let outcome = checks.check(try checks.write(), name)
    let start = "the reference cannot be read: neither a golden nor a trace: \(checks.folder.path(name)): "
    #expect(outcome.failure?.hasPrefix(start) == true)
    #expect(outcome.keptTrace != nil)
  }

  /// What a reference is, its content tells.
  @Test func anyNameCompares() throws {
    let checks = try Checks()
    for name in names { try checks.makeReference(name) }
    for (name, other) in zip(names, ["a.trace", "b"]) {
      try checks.folder.write(checks.folder.read(name), as: other)
      #expect(checks.check(try checks.write(), other) == .passed)
    }
    let path = try synthetic.write(to: checks.folder.path("unknown"))
    #expect(checks.check(path, "b") == .passed)
  }

  @Test(arguments: names)
  func aTraceIsNoReferenceOfItself(_ name: String) throws {
    let checks = try Checks()
    let actual = try checks.write()
    try FileManager.default.createSymbolicLink(atPath: checks.folder.path("link.trace"), withDestinationPath: actual)
    #expect(
      checks.check(actual, "link.trace", .all).failure == "\(actual): the trace under test is its own reference")
  }
}
