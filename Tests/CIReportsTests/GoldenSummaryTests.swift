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
    #expect(value.detail.hasPrefix("first beyond tolerance: q.rope, layer 0, position 1\nestimated error: rms "))
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
  }

  @Test(arguments: [Side.expected, .actual])
  func unmatched(lacking: Side) throws {
    var part = trace
    part.records[RecordKey(.keyProjection, layer: 1, position: 1)] = nil
    let (first, second) = lacking == .actual ? (trace, part) : (part, trace)
    let failing = summary(try goldenVerdict(first, second))
    #expect(failing.exitStatus == 2 && failing.isConsistent && failing.count(of: .error) == 1)
    let holder = lacking == .actual ? "only the golden has" : "only the trace has"
    let title = "\(holder) k.proj, layer 1, position 1"
    let value = try #require(failing.value("k.proj", title))
    #expect(value.status == .error && value.message.hasPrefix("\(holder) "))
    #expect(failing.value("k.proj", "layer 1")?.message == "2 records: identical")

    let common = summary(try goldenVerdict(first, second, GoldenCheck(comparesCommonOnly: true)))
    #expect(common.exitStatus == 0 && common.isConsistent)
    #expect(common.value("k.proj", title)?.status == .skipped)
  }

  @Test func shapes() throws {
    var other = trace
    for position in 1...2 { other.records[RecordKey(.swiglu, layer: 0, position: position)]?.shape = [3, 4] }
    let summary = summary(try goldenVerdict(trace, other))
    #expect(summary.exitStatus == 2 && summary.isConsistent && summary.count(of: .error) == 2)
    #expect(
      summary.value("hb.swiglu", "shape at hb.swiglu, layer 0, position 1")?.message
        == "shapes differ: expected 12, actual 3 x 4")
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
    let summary = summary(try goldenVerdict(trace, trace, damaging: pattern))
    #expect(summary.exitStatus == 2 && summary.isConsistent)
    let value = try #require(summary.value("actual", "trace"))
    #expect(value.status == .error && value.message.contains("logits, position 2"))
  }

  @Test func nothingToCompare() throws {
    let filter = RecordFilter(positions: IndexRange(parsing: "7.."))
    let summary = summary(try goldenVerdict(trace, trace, GoldenCheck(filter: filter)))
    #expect(summary.exitStatus == 2 && summary.isConsistent && summary.count(of: .passed) == 0)
    #expect(summary.cases.last?.name == "verdict" && summary.cases.last?.status == .error)
  }

  /// The cases of any check agree with its exit status, and every case is there once.
  @Test(arguments: 0..<60)
  func agreesWithTheExitStatus(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var other = trace
    for key in trace.records.keys.sorted() where Int.random(in: 0..<40, using: &generator) == 0 {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: other.records[key] = nil
      case 1: other.records[key]?.shape.append(1)
      default: other.change(key, at: 0) { $0 + Float.random(in: 0...0.001, using: &generator) }
      }
    }
    if Int.random(in: 0..<6, using: &generator) == 0 { other.tokens[2] = TraceToken(id: 77) }
    let check = GoldenCheck(
      filter: Bool.random(using: &generator) ? RecordFilter() : RecordFilter(layers: IndexRange(parsing: "1")),
      comparesCommonOnly: Bool.random(using: &generator))
    let verdict = try goldenVerdict(trace, other, check, isFinished: Int.random(in: 0..<5, using: &generator) > 0)
    let summary = summary(verdict)
    #expect(summary.exitStatus == verdict.exitStatus && summary.isConsistent, "seed \(seed)")
    #expect(Set(summary.cases.map { "\($0.name)/\($0.title)" }).count == summary.cases.count, "seed \(seed)")
    let diverging = verdict.cases.count { $0.divergentRecords > 0 }
    #expect(summary.count(of: .failed) >= diverging, "seed \(seed)")
    #expect(summary.count(of: .failed) <= diverging + 2, "seed \(seed)")
  }

  /// Checks a trace, as a file, against the golden of another.
  ///
  /// - Parameter pattern: bytes of which the last copy in the file is damaged.
  private func goldenVerdict(
    _ expected: SyntheticTrace, _ actual: SyntheticTrace, _ check: GoldenCheck = GoldenCheck(),
    isFinished: Bool = true, damaging pattern: [UInt8]? = nil
  ) throws -> GoldenVerdict {
    let folder = try TemporaryFolder()
    var first = try TraceFile(path: expected.write(to: folder.path("a.trace")))
    var path = try actual.write(to: folder.path("b.trace"), isFinished: isFinished)
    if let pattern {
      var bytes = try folder.read("b.trace")
      let place = try #require(
        bytes.indices.dropLast(pattern.count).last { bytes[$0..<($0 + pattern.count)].elementsEqual(pattern) })
      bytes[place] ^= 1
      path = try folder.write(bytes, as: "b.trace")
    }
    var second = try TraceFile(path: path)
    return try withExtendedLifetime(folder) { check.check(try Golden(recording: &first), &second) }
  }

  private func summary(_ verdict: GoldenVerdict) -> CheckSummary {
    CheckSummary(verdict, tool: "tracediff golden check", subject: "a.golden b.trace")
  }
}
