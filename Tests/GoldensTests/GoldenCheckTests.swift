import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import Goldens

/// A check treats whatever two traces can have between them as their comparison does.
@Suite struct GoldenCheckTests {
  private static let trace = SyntheticTrace(seed: 1)
  private static let rope = RecordKey(.queryRotation, layer: 0, position: 1)

  private static func changed(_ body: (inout SyntheticTrace) -> Void) -> SyntheticTrace {
    var trace = trace
    body(&trace)
    return trace
  }

  /// What a comparison of the traces themselves says.
  private static func comparison(_ actual: SyntheticTrace, _ check: GoldenCheck) -> Verdict {
    let comparison = Comparison(
      tolerance: check.tolerance, filter: check.filter, comparesCommonOnly: check.comparesCommonOnly)
    var expected = FullSource(trace)
    var actual = FullSource(actual)
    return comparison.compare(&expected, &actual)
  }

  struct Situation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var check = GoldenCheck()
    let change: @Sendable (inout SyntheticTrace) -> Void
  }

  static let situations: [Situation] = [
    Situation(testDescription: "nothing") { _ in },
    Situation(testDescription: "an element far away") { $0.change(rope, at: 5) { $0 + 0.5 } },
    Situation(testDescription: "an element one ulp away") { $0.change(rope, at: 5) { $0.nextUp } },
    Situation(testDescription: "near first, far later") {
      $0.change(RecordKey(.embedding, layer: nil, position: 0), at: 1) { $0.nextUp }
      $0.change(rope, at: 0) { -$0 }
      $0.change(RecordKey(.logits, layer: nil, position: 2), at: 0) { $0 + 9 }
    },
    Situation(testDescription: "not finite") { $0.change(rope, at: 2) { _ in .nan } },
    Situation(testDescription: "a record less") { $0.records[rope] = nil },
    Situation(testDescription: "a record less, left out", check: GoldenCheck(comparesCommonOnly: true)) {
      $0.records[rope] = nil
    },
    Situation(testDescription: "a record more") {
      $0.records[RecordKey(TensorName("q.rop"), layer: 1, position: 1)] = .init([1 as Float])
    },
    Situation(testDescription: "a record more, at the end") {
      $0.records[RecordKey(TensorName("zzz"), layer: nil, position: 2)] = .init([1 as Float])
    },
    Situation(testDescription: "a position less") {
      for key in $0.records.keys where key.position == 2 { $0.records[key] = nil }
      $0.tokens[2] = nil
      $0.header[integer: .steps] = 2
    },
    Situation(testDescription: "a position more") {
      $0 = SyntheticTrace(seed: 1, positions: 4)
      for (key, record) in trace.records { $0.records[key] = record }
    },
    Situation(testDescription: "another token") { $0.tokens[1] = TraceToken(id: 9) },
    Situation(testDescription: "another token at once") { $0.tokens[0] = TraceToken(id: 9) },
    Situation(
      testDescription: "another token, not asked for",
      check: GoldenCheck(filter: RecordFilter(positions: IndexRange(first: 0, last: 1)))
    ) { $0.tokens[2] = TraceToken(id: 9) },
    Situation(testDescription: "another token after an error") {
      $0.change(rope, at: 5) { $0 + 0.5 }
      $0.tokens[2] = TraceToken(id: 9)
    },
    Situation(testDescription: "ended by itself") {
      for key in $0.records.keys where key.position == 2 { $0.records[key] = nil }
      $0.tokens[2] = nil
    },
    Situation(testDescription: "tokens unknown") { $0.tokens[2] = TraceToken(id: 3, text: nil) },
    Situation(testDescription: "a position without a token") { $0.tokens[1] = nil },
    Situation(
      testDescription: "a position without a token, not asked for",
      check: GoldenCheck(filter: RecordFilter(positions: IndexRange(first: 0, last: 0)))
    ) { $0.tokens[1] = nil },
    Situation(testDescription: "another shape") { $0.records[rope]?.shape = [2, 4] },
    Situation(testDescription: "another shape and an error") {
      $0.records[rope]?.shape = [2, 4]
      $0.change(RecordKey(.queryRotation, layer: 1, position: 1), at: 5) { $0 + 0.5 }
    },
    Situation(testDescription: "another model") { $0.header[integer: .dim] = 9 },
    Situation(testDescription: "other weights") {
      $0.header[text: .checkpointFingerprint] = "1"
      $0.change(rope, at: 5) { $0.nextUp }
    },
    Situation(testDescription: "another dtype, equal in value") { trace in
      trace.records[rope] = trace.records[rope].map { .init($0.floats.map { Double($0) }) }
    },
    Situation(testDescription: "another dtype, then another value") { trace in
      trace.records[rope] = trace.records[rope].map { .init($0.floats.map { Double($0) }) }
      trace.change(RecordKey(.logits, layer: nil, position: 2), at: 3) { $0 * 1.01 }
    },
    Situation(testDescription: "exact", check: GoldenCheck(tolerance: .exact)) { $0.change(rope, at: 5) { $0.nextUp } },
    Situation(testDescription: "a site", check: GoldenCheck(filter: RecordFilter(names: [NamePattern("k")]))) {
      $0.change(rope, at: 5) { $0 + 0.5 }
    },
    Situation(
      testDescription: "a layer", check: GoldenCheck(filter: RecordFilter(layers: IndexRange(first: 1, last: 1)))
    ) {
      $0.change(rope, at: 5) { $0 + 0.5 }
      $0.change(RecordKey(.queryRotation, layer: 1, position: 2), at: 5) { $0 + 0.5 }
    },
    Situation(
      testDescription: "a site left out",
      check: GoldenCheck(filter: RecordFilter(excluded: [NamePattern("q"), NamePattern("zz")]))
    ) {
      $0.change(rope, at: 5) { $0 + 0.5 }
      $0.change(RecordKey(.logits, layer: nil, position: 2), at: 5) { $0 + 0.5 }
    },
    Situation(testDescription: "no site", check: GoldenCheck(filter: RecordFilter(names: [NamePattern("nothing")]))) {
      _ in
    },
    Situation(
      testDescription: "no position",
      check: GoldenCheck(filter: RecordFilter(positions: IndexRange(first: 7, last: 8)))
    ) { _ in },
    Situation(
      testDescription: "position 0 alone",
      check: GoldenCheck(filter: RecordFilter(positions: IndexRange(first: 0, last: 0)))
    ) { _ in },
    Situation(testDescription: "a blind tolerance", check: GoldenCheck(tolerance: Tolerance(rtol: 1, atol: 0))) {
      $0.change(rope, at: 5) { $0 + 0.01 }
    },
  ]

  @Test(arguments: situations)
  func agreesWithTheComparison(situation: Situation) throws {
    let actual = Self.changed(situation.change)
    let found = try verdict(Self.trace, actual, situation.check)
    let full = Self.comparison(actual, situation.check)
    #expect(found.outcome == full.outcome && found.exitStatus == full.exitStatus)
    #expect(found.firstDifference?.key == full.firstDifference?.key)
    #expect(found.firstDivergence?.key == full.firstDivergence?.key)
    #expect(found.comparedRecords == full.comparedRecords && found.comparedElements == full.comparedElements)
    #expect(found.differingRecords == full.differingRecords && found.divergentRecords == full.divergentRecords)
    #expect(found.equalInOtherTypeRecords == full.equalInOtherTypeRecords)
    #expect(found.tokensPart == full.tokensPart && found.notes == full.notes)
    #expect(found.unmatched.expected.list.entries == full.unmatched.expected.list.entries)
    #expect(found.unmatched.actual.list.entries == full.unmatched.actual.list.entries)
    #expect(found.unmatched.expected.groups == full.unmatched.expected.groups)
    #expect(found.unmatched.actual.groups == full.unmatched.actual.groups)
    #expect(found.shapeMismatches.entries == full.shapeMismatches.entries)
    #expect(found.unused == full.unused)
    #expect(found.headers == full.headers && found.problems.count == full.problems.count)
  }

  /// The situations are of every kind.
  @Test func outcomes() throws {
    let found = try Set(Self.situations.map { try verdict(Self.trace, Self.changed($0.change), $0.check).outcome })
    #expect(found == Set(Verdict.Outcome.allCases))
  }

  @Test func damagedRecords() throws {
    let golden = try golden(Self.trace)
    func verdict(_ source: consuming PipeSource) -> GoldenVerdict {
      var source = source
      return GoldenCheck().check(golden, &source)
    }
    let damaged = verdict(PipeSource(Self.trace, damaged: [Self.rope]))
    #expect(damaged.outcome == .incomparable && damaged.problems.count == 1 && damaged.comparedRecords == 110)
    #expect(damaged.headline.hasPrefix("incomparable: the trace: q.rope, layer 0, position 1: record at"))
    let far = Self.changed { $0.change(RecordKey(.logits, layer: nil, position: 0), at: 1) { $0 + 1 } }
    let both = verdict(PipeSource(far, damaged: [Self.rope]))
    #expect(both.outcome == .diverged && both.headline.hasSuffix("beyond tolerance, in what is readable"))

    let cut = Self.changed { trace in
      for key in trace.records.keys where key.position == 2 { trace.records[key] = nil }
    }
    let short = verdict(PipeSource(cut, isComplete: false))
    #expect(short.outcome == .incomparable && short.unmatched.expected.reasons == [.lost: 37])
    #expect(short.problems.entries.map(\.message) == ["the trace is cut short"])
    #expect(verdict(PipeSource(Self.trace, problems: [.cutShort(offset: 7)])).outcome == .incomparable)
  }

  /// A damaged record that only the trace has is not read: it is unmatched, and nothing else.
  @Test(arguments: [false, true])
  func aDamagedRecordOfTheTraceAlone(comparesCommonOnly: Bool) throws {
    let key = RecordKey(TensorName("own.name"), layer: 0, position: 1)
    let actual = Self.changed { $0.records[key] = .init([1 as Float]) }
    let check = GoldenCheck(comparesCommonOnly: comparesCommonOnly)
    var source = PipeSource(actual, damaged: [key])
    let found = check.check(try golden(Self.trace), &source)
    var first = FullSource(Self.trace)
    var second = FullSource(actual, damaged: [key])
    let full = Comparison(comparesCommonOnly: comparesCommonOnly).compare(&first, &second)
    #expect(found.outcome == full.outcome && full.outcome == (comparesCommonOnly ? .identical : .incomparable))
    #expect(found.problems.isEmpty && full.problems.isEmpty)
    #expect(found.unmatched.actual.list.entries == full.unmatched.actual.list.entries)
    // What is to be recorded must be good.
    var updating = PipeSource(actual, damaged: [key])
    #expect(throws: GoldenError.self) { try GoldenUpdate(golden(Self.trace), &updating) }
  }

  /// The fingerprint is of dtype and shape too: where it is the trace's and they are not, the golden was changed.
  @Test(arguments: [(ElementType.float64, [8]), (.float32, [2, 4]), (.float16, [4, 4])])
  func aGoldenThatDeclaresAnotherForm(type: ElementType, shape: [Int]) throws {
    let whole = try golden(Self.trace)
    let place = GoldenPlace(Self.rope)
    let tensor = try #require(whole.tensors(in: .layer).firstIndex { $0.name == Self.rope.name })
    let groups = try whole.groups.map { group in
      guard group.place == place else { return group }
      var records = group.records
      let sketch = try #require(records[tensor]).sketch
      records[tensor] = GoldenRecord(type: type, shape: try #require(TensorShape(shape)), sketch: sketch)
      return GoldenGroup(place: place, records: records, rms: group.rms)
    }
    let damaged = Golden(header: whole.header, tokens: whole.tokens, tensors: whole.tensors, groups: groups)
    for tolerance in [Tolerance.default, .exact, Tolerance(rtol: 9, atol: 9)] {
      var source = PipeSource(Self.trace)
      let found = GoldenCheck(tolerance: tolerance).check(damaged, &source)
      #expect(found.outcome == .incomparable && found.differingRecords == 0 && found.shapeMismatches.isEmpty)
      #expect(found.problems.entries.map(\.side) == [.expected] && found.comparedRecords == 110)
      #expect(
        found.headline
          == "incomparable: the golden: q.rope, layer 0, position 1: its fingerprint is that of float32 8, "
          + "as in the trace, and not of the \(type.name) \(shape.map(String.init).joined(separator: " x ")) that the "
          + "golden says; record it anew")
    }
  }

  @Test func casesAreInOrder() throws {
    let actual = Self.changed {
      $0.change(Self.rope, at: 5) { $0 + 0.5 }
      $0.change(RecordKey(.queryRotation, layer: 0, position: 2), at: 5) { $0 + 2 }
      $0.change(RecordKey(.queryRotation, layer: 1, position: 0), at: 5) { $0.nextUp }
    }
    let cases = try verdict(Self.trace, actual).cases
    #expect(cases.count == 1 + 2 * 17 + 2)
    #expect(cases[0].name == .site(.embedding) && cases[0].recordCount == 3 && cases[0].elementCount == 24)
    let keys = cases.map { RecordKey($0.name, layer: $0.layer, position: 0) }
    #expect(keys == keys.sorted())
    let first = try #require(cases.first { $0.name == .site(.queryRotation) && $0.layer == 0 })
    #expect(first.differingRecords == 2 && first.divergentRecords == 2)
    #expect(first.firstDivergence?.key == Self.rope && first.worst?.key.position == 2)
    let second = try #require(cases.first { $0.name == .site(.queryRotation) && $0.layer == 1 })
    #expect(second.differingRecords == 1 && second.divergentRecords == 0 && second.firstDivergence == nil)
    #expect(cases.reduce(0) { $0 + $1.recordCount } == 111 && cases.reduce(0) { $0 + $1.differingRecords } == 3)
  }

  @Test func unusedTolerances() throws {
    let tolerance = Tolerance(
      rtolOverrides: [Tolerance.Override(NamePattern("q"), 1), Tolerance.Override(NamePattern("r"), 1)],
      atolOverrides: [Tolerance.Override(NamePattern("s"), 1)])
    let found = try verdict(Self.trace, Self.trace, GoldenCheck(tolerance: tolerance))
    #expect(found.unused.rtol == [NamePattern("r")] && found.unused.atol == [NamePattern("s")])
  }

  /// A golden whose run ended by itself, and a run that goes on.
  @Test func aRunThatGoesOn() throws {
    let ended = Self.changed { $0.header[integer: .steps] = 9 }
    let longer = SyntheticTrace(seed: 1, positions: 4)
    let found = try verdict(ended, longer)
    #expect(found.tokensPart?.position == 3 && found.tokensPart?.expected == nil)
    #expect(found.tokensPart?.actual?.id == 4)
  }
}

/// A trace in memory that is wholly known from the beginning.
private struct FullSource: TensorSource, ~Copyable {
  let header: TraceHeader
  let tokens: [Int: TraceToken]
  var problems: [TraceError] { [] }
  var isComplete: Bool { true }
  private let records: [RecordKey: SyntheticTrace.Record]
  private var keys: ArraySlice<RecordKey>
  private let damaged: Set<RecordKey>

  init(_ trace: SyntheticTrace, damaged: Set<RecordKey> = []) {
    self.damaged = damaged
    (header, tokens, records) = (trace.header, trace.tokens, trace.records)
    keys = trace.records.keys.sorted()[...]
  }

  mutating func next() -> RecordKey? { keys.popFirst() }

  func withRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) throws(TraceError) -> Result? {
    guard let record = records[key], let shape = TensorShape(record.shape) else { return nil }
    guard !damaged.contains(key) else { throw .wrongChecksum(.record, offset: 64, expected: 1, found: 2) }
    return body(RecordView(key: key, elementType: record.type, shape: shape, payload: record.bytes.span.bytes))
  }
}
