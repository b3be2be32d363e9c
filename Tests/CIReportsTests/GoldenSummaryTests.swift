import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import CIReports
@testable import Goldens

/// Every way the check of a trace against a golden can end, as cases.
@Suite struct GoldenSummaryTests {
  private let trace = SyntheticTrace(seed: 1)

  @Test func identical() throws {
    let summary = summary(try goldenVerdict(trace, trace))
    #expect(summary.tool == "tracediff golden check" && summary.subject == "a.golden b.trace")
    #expect(summary.outcome == "identical" && summary.exitStatus == 0 && summary.isConsistent)
    // Two layers of 17 sites, and the three outside.
    #expect(summary.cases.count == 37 && summary.count(of: .passed) == 37)
    #expect(summary.value("q.rope", "layer 1")?.message == "3 records: identical")
    #expect(summary.value("x.embed", "outside the layers")?.status == .passed)
  }

  @Test func withinTolerance() throws {
    var near = trace
    near.change(RecordKey(.queryRotation, layer: 1, position: 2), at: 3) { $0 + 0.00001 }
    let summary = summary(try goldenVerdict(trace, near))
    #expect(summary.outcome == "within_tolerance" && summary.exitStatus == 0 && summary.isConsistent)
    #expect(summary.count(of: .passed) == 37)
    let message = try #require(summary.value("q.rope", "layer 1")?.message)
    #expect(message.hasPrefix("3 records: 1 differ, greatest error rms ") && message.hasSuffix(" at position 2"))
  }

  @Test func diverged() throws {
    var far = trace
    for position in 1...2 { far.change(RecordKey(.queryRotation, layer: 0, position: position), at: 5) { $0 + 1 } }
    let verdict = try goldenVerdict(trace, far)
    let summary = summary(verdict)
    #expect(summary.exitStatus == 1 && summary.count(of: .failed) == 1 && summary.isConsistent)
    #expect(summary.headline == verdict.headline)
    let value = try #require(summary.value("q.rope", "layer 0"))
    #expect(value.status == .failed && value.message == "2 of 3 records beyond tolerance, first at position 1")
    #expect(value.detail.hasPrefix("3 records: 2 differ, greatest error rms "))
    #expect(value.detail.contains("\nfirst beyond tolerance: q.rope, layer 0, position 1\nestimated error: rms "))
    #expect(value.detail.contains(", allowed "))
  }

  @Test func exact() throws {
    var near = trace
    near.change(RecordKey(.logits, layer: nil, position: 0), at: 3) { $0.nextUp }
    let summary = summary(try goldenVerdict(trace, near, GoldenCheck(tolerance: .exact)))
    #expect(summary.exitStatus == 1 && summary.isConsistent)
    #expect(summary.value("logits", "outside the layers")?.status == .failed)
  }

  @Test func nonFinite() throws {
    var far = trace
    far.change(RecordKey(.logits, layer: nil, position: 1), at: 0) { _ in .nan }
    let summary = summary(try goldenVerdict(trace, far))
    #expect(summary.exitStatus == 1 && summary.isConsistent)
    let value = try #require(summary.value("logits", "outside the layers"))
    #expect(value.status == .failed)
    #expect(value.detail.hasSuffix("\nestimated error: NaN or infinity against something else"))
  }

  @Test func tokensPart() throws {
    var other = trace
    other.tokens[1] = TraceToken(id: 9)
    let summary = summary(try goldenVerdict(trace, other))
    #expect(summary.exitStatus == 1 && summary.isConsistent && summary.count(of: .failed) == 1)
    #expect(
      summary.value("tokens", "all positions")?.message
        == "the tokens part at position 1: expected 2 \"t1\", actual 9")
    #expect(summary.value("q.rope", "layer 0")?.message == "1 record: identical")
  }

  @Test func tokensPartAtOnce() throws {
    var other = trace
    other.tokens[0] = TraceToken(id: 9)
    let summary = summary(try goldenVerdict(trace, other))
    #expect(summary.outcome == "incomparable" && summary.exitStatus == 2 && summary.isConsistent)
    #expect(summary.value("tokens", "all positions")?.status == .failed)
    #expect(
      summary.value("q.rope", "layer 0")
        == CheckSummary.Case(
          name: "q.rope", layer: 0, status: .skipped, message: "it lies behind position 0, where the tokens part"))
  }

  @Test(arguments: [Side.expected, .actual])
  func unmatched(lacking: Side) throws {
    var part = trace
    part.records[RecordKey(.keyProjection, layer: 1, position: 1)] = nil
    let (first, second) = lacking == .actual ? (trace, part) : (part, trace)
    let failing = summary(try goldenVerdict(first, second))
    #expect(failing.exitStatus == 2 && failing.isConsistent && failing.count(of: .error) == 1)
    let value = try #require(failing.value("k.proj", "layer 1"))
    #expect(value.status == .error)
    let (side, other) = lacking == .actual ? ("the trace", "the golden") : ("the golden", "the trace")
    #expect(value.message == "\(side) lacks 1 record, first at position 1: missing")
    #expect(value.detail == "2 records: identical\nonly \(other) has k.proj, layer 1, position 1 (missing)")

    let common = summary(try goldenVerdict(first, second, GoldenCheck(comparesCommonOnly: true)))
    #expect(common.exitStatus == 0 && common.isConsistent && common.cases.count == 37)
    #expect(common.value("k.proj", "layer 1")?.message == "2 records: identical")
  }

  @Test func leftOut() throws {
    var part = trace
    for position in 0...2 { part.records[RecordKey(.keyProjection, layer: 1, position: position)] = nil }
    let filter = RecordFilter(names: [NamePattern("k.proj")])
    let summary = summary(try goldenVerdict(trace, part, GoldenCheck(filter: filter, comparesCommonOnly: true)))
    #expect(summary.exitStatus == 0 && summary.count(of: .passed) == 1 && summary.count(of: .skipped) == 36)
    #expect(summary.value("k.proj", "layer 1")?.message == "only the golden has it, left out by --common")
    #expect(summary.value("q.rope", "layer 0")?.message == "not asked for")
  }

  @Test func shapes() throws {
    var other = trace
    for position in 1...2 { other.records[RecordKey(.swiglu, layer: 0, position: position)]?.shape = [3, 4] }
    let summary = summary(try goldenVerdict(trace, other))
    #expect(summary.exitStatus == 2 && summary.isConsistent && summary.count(of: .error) == 1)
    #expect(
      summary.value("hb.swiglu", "layer 0")?.message
        == "shapes differ in 2 records, first at position 1: expected 12, actual 3 x 4")
  }

  @Test func otherModel() throws {
    var other = trace
    other.header[integer: .dim] = 9
    let summary = summary(try goldenVerdict(trace, other))
    #expect(summary.exitStatus == 2 && summary.isConsistent)
    #expect(summary.value("model", "sizes")?.detail == "dim: expected 8, actual 9")
  }

  @Test func cutShort() throws {
    let cut = summary(try goldenVerdict(trace, trace, isFinished: false))
    #expect(cut.exitStatus == 2 && cut.isConsistent && cut.count(of: .passed) == 37)
    #expect(cut.value("actual", "trace")?.status == .error)
    var far = trace
    far.change(RecordKey(.logits, layer: nil, position: 0), at: 0) { $0 + 9 }
    let both = summary(try goldenVerdict(trace, far, isFinished: false))
    #expect(both.exitStatus == 1 && both.isConsistent && both.count(of: .failed) == 1 && both.count(of: .error) == 1)
  }

  @Test func aDamagedRecord() throws {
    let pattern = try #require(trace.records[RecordKey(.logits, layer: nil, position: 2)]?.bytes)
    let summary = summary(
      try TraceFiles(trace, trace, damaging: pattern).verdict(GoldenCheck()))
    #expect(summary.exitStatus == 2 && summary.isConsistent)
    #expect(summary.count(of: .error) == 1)
    let value = try #require(summary.value("logits", "outside the layers"))
    #expect(value.status == .error && value.message.hasPrefix("the trace cannot be read: logits, position 2: "))
  }

  @Test func nothingToCompare() throws {
    let filter = RecordFilter(positions: IndexRange(parsing: "7.."))
    let summary = summary(try goldenVerdict(trace, trace, GoldenCheck(filter: filter)))
    #expect(summary.exitStatus == 2 && summary.isConsistent && summary.count(of: .skipped) == 37)
    #expect(summary.cases.last?.name == "verdict" && summary.cases.last?.status == .error)
  }

  /// What a trace can be beside the one that the golden was recorded from.
  static let others = ["identical", "diverged", "tokens", "missing", "extra", "shape", "foreign", "mixed"]
  /// Which records are asked for.
  static let selections = ["", "names", "layers", "positions", "common", "names of the common"]

  /// A check has the cases of the comparison of the same traces: names, titles and statuses.
  @Test(arguments: others, selections)
  func agreesWithTheComparison(other: String, selection: String) throws {
    let (expected, actual) = traces(other)
    var filter = RecordFilter()
    if selection.hasPrefix("names") { filter.names = [NamePattern("k"), NamePattern("hb")] }
    if selection == "layers" { filter.layers = IndexRange(parsing: "1") }
    if selection == "positions" { filter.positions = IndexRange(parsing: "1..") }
    let isCommon = selection.hasSuffix("common")
    let check = summary(try goldenVerdict(expected, actual, GoldenCheck(filter: filter, comparesCommonOnly: isCommon)))
    let comparison = CheckSummary(
      try verdict(expected, actual, Comparison(filter: filter, comparesCommonOnly: isCommon)),
      tool: "tracediff", subject: "a.trace b.trace")
    #expect(check.exitStatus == comparison.exitStatus)
    func texts(_ summary: CheckSummary) -> [String] { summary.cases.map { "\($0.name), \($0.title): \($0.status)" } }
    #expect(texts(check) == texts(comparison))
  }

  /// Two traces, of which the second is as its name says.
  private func traces(_ name: String) -> (expected: SyntheticTrace, actual: SyntheticTrace) {
    var (first, second) = (trace, trace)
    let all = name == "mixed"
    if all || name == "diverged" {
      second.change(RecordKey(.keyProjection, layer: 1, position: 1), at: 2) { $0 + 1 }
      second.change(RecordKey(.logits, layer: nil, position: 2), at: 2) { $0 + 1 }
    }
    if name == "tokens" { second.tokens[1] = TraceToken(id: 9) }
    if all || name == "missing" {
      for position in 0...2 { second.records[RecordKey(.keyRotation, layer: 0, position: position)] = nil }
      second.records[RecordKey(.swiglu, layer: 1, position: 2)] = nil
    }
    if all || name == "extra" {
      for position in 0...2 { first.records[RecordKey(.keyProjection, layer: 0, position: position)] = nil }
      first.records[RecordKey(.queryRotation, layer: 1, position: 1)] = nil
    }
    if all || name == "shape" {
      for position in 1...2 { second.records[RecordKey(.swiglu, layer: 0, position: position)]?.shape = [3, 4] }
    }
    if all || name == "foreign" {
      let site = second.records[RecordKey(.swiglu, layer: 1, position: 0)]
      second.records[RecordKey(TensorName("k.mine"), layer: 1, position: 0)] = site
    }
    return (first, second)
  }

  /// The cases of any check agree with its exit status.
  @Test(arguments: 0..<60)
  func agreesWithTheExitStatus(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    let other = trace.altered(&generator)
    let check = GoldenCheck(
      filter: Bool.random(using: &generator) ? RecordFilter() : RecordFilter(layers: IndexRange(parsing: "1")),
      comparesCommonOnly: Bool.random(using: &generator))
    let verdict = try goldenVerdict(trace, other, check, isFinished: Int.random(in: 0..<5, using: &generator) > 0)
    let summary = summary(verdict)
    #expect(summary.exitStatus == verdict.exitStatus && summary.isConsistent, "seed \(seed)")
    let diverging = verdict.cases.count { $0.divergentRecords > 0 }
    // A case that holds an error as well is an error.
    #expect(summary.count(of: .failed) >= diverging - summary.count(of: .error), "seed \(seed)")
    #expect(summary.count(of: .failed) <= diverging + 2, "seed \(seed)")
  }
}
