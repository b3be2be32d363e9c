import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import CIReports

/// Every way a comparison can end, as cases.
@Suite struct ComparisonSummaryTests {
  private let trace = SyntheticTrace(seed: 1)

  @Test func identical() throws {
    let summary = summary(try verdict(trace, trace))
    #expect(summary.outcome == "identical" && summary.exitStatus == 0 && summary.isConsistent)
    // Two layers of 17 sites, and the three outside.
    #expect(summary.cases.count == 37 && summary.count(of: .passed) == 37)
    #expect(summary.cases.map(\.name).first == "x.embed" && summary.cases.last?.name == "logits")
    #expect(summary.value("q.rope", "layer 1")?.message == "3 records, 24 elements: identical")
    #expect(summary.value("x.embed", "outside the layers")?.status == .passed)
    #expect(summary.countsText == "37 passed, 0 failed, 0 errors, 0 skipped")
  }

  @Test func withinTolerance() throws {
    var near = trace
    near.change(RecordKey(.queryRotation, layer: 1, position: 2), at: 3) { $0.nextUp }
    let summary = summary(try verdict(trace, near))
    #expect(summary.outcome == "within_tolerance" && summary.isConsistent && summary.count(of: .passed) == 37)
    let message = try #require(summary.value("q.rope", "layer 1")?.message)
    #expect(
      message.hasPrefix("3 records, 24 elements: 1 differ, greatest error ") && message.contains(" at position 2, "))
  }

  @Test func diverged() throws {
    var far = trace
    for position in 1...2 { far.change(RecordKey(.queryRotation, layer: 0, position: position), at: 5) { $0 + 1 } }
    let summary = summary(try verdict(trace, far))
    #expect(summary.exitStatus == 1 && summary.count(of: .failed) == 1 && summary.isConsistent)
    let value = try #require(summary.value("q.rope", "layer 0"))
    #expect(value.status == .failed)
    #expect(value.message == "2 of 3 records beyond tolerance, first at position 1")
    #expect(value.detail.contains("first beyond tolerance: q.rope, layer 0, position 1\n"))
    #expect(value.detail.contains("  worst       element [5]: head 1, element 1\n"))
  }

  @Test func nonFinite() throws {
    var far = trace
    far.change(RecordKey(.logits, layer: nil, position: 1), at: 0) { _ in .nan }
    let value = summary(try verdict(trace, far)).value("logits", "outside the layers")
    #expect(value?.status == .failed)
    #expect(value?.detail.contains("NaN or infinity against something else at position 1") == true)
  }

  @Test func tokensPart() throws {
    var other = trace
    other.tokens[1] = TraceToken(id: 9)
    let summary = summary(try verdict(trace, other))
    #expect(summary.exitStatus == 1 && summary.isConsistent && summary.count(of: .failed) == 1)
    #expect(
      summary.value("tokens", "all positions")?.message
        == "the tokens part at position 1: expected 2 \"t1\", actual 9")
    #expect(summary.value("q.rope", "layer 0")?.message == "1 record, 8 elements: identical")
  }

  @Test func tokensPartAtOnce() throws {
    var other = trace
    other.tokens[0] = TraceToken(id: 9)
    let summary = summary(try verdict(trace, other))
    #expect(summary.outcome == "incomparable" && summary.isConsistent)
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
    let failing = summary(try verdict(first, second))
    #expect(failing.exitStatus == 2 && failing.isConsistent && failing.count(of: .error) == 1)
    let value = try #require(failing.value("k.proj", "layer 1"))
    #expect(value.message == "\(lacking.rawValue) lacks 1 record, first at position 1: missing")
    #expect(value.detail.contains("only \(lacking.other.rawValue) has k.proj, layer 1, position 1 (missing)"))

    let common = summary(try verdict(first, second, Comparison(comparesCommonOnly: true)))
    #expect(common.exitStatus == 0 && common.isConsistent)
    #expect(common.value("k.proj", "layer 1")?.message == "2 records, 16 elements: identical")
  }

  @Test func leftOut() throws {
    var part = trace
    for position in 0...2 { part.records[RecordKey(.keyProjection, layer: 1, position: position)] = nil }
    let filter = RecordFilter(names: [NamePattern("k.proj")])
    let summary = summary(try verdict(trace, part, Comparison(filter: filter, comparesCommonOnly: true)))
    #expect(summary.exitStatus == 0 && summary.count(of: .passed) == 1 && summary.count(of: .skipped) == 36)
    #expect(summary.value("k.proj", "layer 1")?.message == "only expected has it, left out by --common")
    #expect(summary.value("q.rope", "layer 0")?.message == "not asked for")
  }

  @Test func shapes() throws {
    var other = trace
    for position in 1...2 { other.records[RecordKey(.swiglu, layer: 0, position: position)]?.shape = [3, 4] }
    let summary = summary(try verdict(trace, other))
    #expect(summary.exitStatus == 2 && summary.isConsistent && summary.count(of: .error) == 1)
    #expect(
      summary.value("hb.swiglu", "layer 0")?.message
        == "shapes differ in 2 records, first at position 1: expected 12, actual 3 x 4")
  }

  @Test func otherModel() throws {
    var other = trace
    other.header[integer: .dim] = 9
    let summary = summary(try verdict(trace, other))
    #expect(summary.exitStatus == 2 && summary.isConsistent)
    #expect(
      summary.cases == [
        CheckSummary.Case(
          name: "model", title: "sizes", status: .error, message: "the models differ",
          detail: "dim: expected 8, actual 9")
      ])
  }

  @Test func cutShort() throws {
    let cut = summary(try verdict(trace, trace, isFinished: false))
    #expect(cut.exitStatus == 2 && cut.isConsistent && cut.count(of: .passed) == 37)
    #expect(cut.value("actual", "trace")?.status == .error)
    var far = trace
    far.change(RecordKey(.logits, layer: nil, position: 0), at: 0) { $0 + 9 }
    let both = summary(try verdict(trace, far, isFinished: false))
    #expect(both.exitStatus == 1 && both.isConsistent && both.count(of: .failed) == 1 && both.count(of: .error) == 1)
  }

  @Test func aDamagedRecord() throws {
    let pattern = try #require(trace.records[RecordKey(.logits, layer: nil, position: 2)]?.bytes)
    let summary = summary(try TraceFiles(trace, trace, damaging: pattern).verdict())
    #expect(summary.exitStatus == 2 && summary.isConsistent && summary.count(of: .error) == 1)
    let value = try #require(summary.value("logits", "outside the layers"))
    #expect(value.status == .error && value.message.hasPrefix("actual cannot be read: logits, position 2: "))
  }

  @Test func nothingToCompare() throws {
    let filter = RecordFilter(positions: IndexRange(parsing: "7.."))
    let summary = summary(try verdict(trace, trace, Comparison(filter: filter)))
    #expect(summary.exitStatus == 2 && summary.isConsistent && summary.count(of: .skipped) == 37)
    #expect(summary.cases.last?.name == "verdict" && summary.cases.last?.status == .error)
  }

  @Test func troubleAndTheOracle() throws {
    let trouble = CheckSummary(tool: "tracediff", subject: "a b", trouble: "b: cannot open")
    #expect(trouble.exitStatus == 2 && trouble.isConsistent && trouble.cases.map(\.message) == ["b: cannot open"])
    let problems = [
      Verdict.Problem(side: .expected, message: "a: cannot open"),
      Verdict.Problem(side: .actual, message: "b: cannot open"),
    ]
    let unreadable = CheckSummary(problems: problems, tool: "tracediff", subject: "a b")
    #expect(unreadable.isConsistent && unreadable.cases.map(\.name) == ["expected", "actual"])
    let oracle = CheckSummary(
      try verdict(trace, trace), tool: "tracediff", subject: "a b", oracleProblem: "o: cannot open")
    #expect(oracle.exitStatus == 2 && oracle.isConsistent && oracle.headline == "o: cannot open")
  }

  /// The cases of any comparison agree with its exit status.
  @Test(arguments: 0..<60)
  func agreesWithTheExitStatus(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    let other = trace.altered(&generator)
    let comparison = Comparison(
      filter: Bool.random(using: &generator) ? RecordFilter() : RecordFilter(layers: IndexRange(parsing: "1")),
      comparesCommonOnly: Bool.random(using: &generator))
    let verdict = try verdict(trace, other, comparison, isFinished: Int.random(in: 0..<5, using: &generator) > 0)
    let summary = summary(verdict)
    #expect(summary.exitStatus == verdict.exitStatus && summary.isConsistent, "seed \(seed)")
    let failed = verdict.cases.filter { $0.numbers.divergent > 0 }.count
    #expect(summary.count(of: .failed) <= failed + 2, "seed \(seed)")
  }
}
