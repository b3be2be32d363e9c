import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct VerdictTests {
  static let trace = SyntheticTrace(seed: 7)
  static let rope = RecordKey(.queryRotation, layer: 0, position: 1)
  static let norm = RecordKey(.attentionNorm, layer: 0, position: 0)

  static func changed(_ key: RecordKey = rope, by amount: Float = 0.5) -> SyntheticTrace {
    var other = trace
    other.change(key, at: 5) { $0 + amount }
    return other
  }

  @Test func identical() {
    let result = verdict(Self.trace, Self.trace)
    #expect(result.outcome == .identical)
    #expect(result.exitStatus == 0)
    #expect(result.comparedRecords == Self.trace.records.count)
    #expect(result.firstDifference == nil && result.firstDivergence == nil && result.worst == nil)
    #expect(result.smallestRtol == 0)
  }

  @Test func withinTolerance() throws {
    var other = Self.trace
    other.change(Self.norm, at: 2) { $0.nextUp }
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .withinTolerance)
    #expect(result.exitStatus == 0)
    #expect(result.differingRecords == 1 && result.divergentRecords == 0)
    #expect(result.firstDifference?.key == Self.norm)
    #expect(result.firstDivergence == nil)
    let smallest = try #require(result.smallestRtol)
    #expect(smallest > 0 && smallest < 1e-6)
    #expect(verdict(Self.trace, other, Comparison(tolerance: .exact)).outcome == .diverged)
  }

  @Test func diverged() throws {
    var other = Self.changed()
    other.change(Self.norm, at: 2) { $0.nextUp }
    other.change(RecordKey(.logits, layer: nil, position: 2), at: 0) { $0 + 40 }
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .diverged)
    #expect(result.exitStatus == 1)
    #expect(result.firstDifference?.key == Self.norm)
    let first = try #require(result.firstDivergence)
    #expect(first.key == Self.rope)
    #expect(first.index == [5])
    #expect(first.head == 1 && first.headElement == 1)
    #expect(first.token?.id == 2)
    #expect(result.divergentRecords == 2 && result.differingRecords == 3)
    #expect(result.worst?.key == RecordKey(.logits, layer: nil, position: 2))
    #expect(result.tokenFlip?.position == 2 && result.tokenFlip?.actual == 0)
  }

  @Test func attentionHasHeadsAndPositions() throws {
    let result = verdict(Self.trace, Self.changed(RecordKey(.attentionScores, layer: 1, position: 2)))
    let first = try #require(result.firstDivergence)
    #expect(first.index == [1, 2])
    #expect(first.head == 1 && first.headElement == 2)
  }

  @Test(arguments: [
    HeaderField.dim, .hiddenDim, .layerCount, .headCount, .keyValueHeadCount, .vocabularySize, .sequenceLength,
  ])
  func configurations(field: HeaderField) {
    var other = Self.changed()
    other.header[integer: field] = 288
    let known = Self.trace.header[integer: field] ?? 0
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .incomparable)
    #expect(result.exitStatus == 2)
    #expect(result.headers.conflicts == ["\(field.rawValue): expected \(known), actual 288"])
    #expect(result.comparedRecords == 0 && result.firstDivergence == nil)
    // What is absent is unknown, not a mismatch.
    other.header[integer: field] = nil
    #expect(verdict(Self.trace, other).outcome == .diverged)
  }

  @Test func otherHeaderFieldsAreNotes() {
    var first = Self.trace
    var second = Self.trace
    first.header[text: .checkpointFingerprint] = "0123456789abcdef"
    second.header[text: .checkpointFingerprint] = "0123456789abcdee"
    first.header[real: .normEpsilon] = 1e-5
    second.header[real: .normEpsilon] = 1e-6
    first.header[integer: .groupSize] = 32
    second.header[integer: .groupSize] = 64
    first.header[text: .precision] = "f32"
    second.header[text: .precision] = "f64"
    let result = verdict(first, second)
    #expect(result.outcome == .identical)
    #expect(result.headers.notes.contains { $0.contains("0123456789abcdef") && $0.contains("0123456789abcdee") })
    #expect(result.headers.notes.contains("the headers themselves say epsilon 1e-05 against 1e-06 (rms_norm_eps)"))
    #expect(result.headers.notes.contains("group_size: expected 32, actual 64"))
    #expect(result.headers.notes.contains("precision: expected f32, actual f64"))
    // An epsilon that is the same as float32 is the same.
    second.header[real: .normEpsilon] = Double(Float(1e-5))
    #expect(!verdict(first, second).headers.notes.contains { $0.contains("epsilon") })
  }

  @Test func unmatchedRecordsFailClosed() throws {
    var other = Self.changed()
    other.records[Self.norm] = nil
    other.records[RecordKey(.other("my.tensor"), layer: 0, position: 1)] = .init([1, 2] as [Float])
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .incomparable)
    #expect(result.exitStatus == 2)
    #expect(result.unmatchedExpected.entries == [UnmatchedRecord(key: Self.norm, reason: .missing)])
    #expect(result.unmatchedActual.entries.map(\.key.name.text) == ["my.tensor"])
    // What was compared is still told.
    #expect(result.firstDivergence?.key == Self.rope)

    let common = verdict(Self.trace, other, Comparison(comparesCommonOnly: true))
    #expect(common.outcome == .diverged)
    #expect(common.unmatchedExpected.count == 1)
    let filtered = verdict(Self.trace, other, Comparison(filter: RecordFilter(names: [NamePattern("q")])))
    #expect(filtered.outcome == .diverged && filtered.unmatchedExpected.isEmpty && filtered.unmatchedActual.isEmpty)
  }

  @Test func whyARecordIsMissing() {
    var other = Self.trace
    other.header[text: .sites] = "q.rope,logits"
    other.header[integer: .lastPosition] = 1
    other.header[integer: .steps] = 2
    other.records = other.records.filter { $0.key.name == .site(.queryRotation) && $0.key.position < 2 }
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .incomparable)
    let reasons = result.unmatchedReasons[.expected] ?? [:]
    #expect(reasons[.beyondEnd] == 3)
    #expect(reasons[.missing] == 2)
    #expect(reasons[.leftOut] == result.unmatchedExpected.count - 5)
    #expect(result.unmatchedReasons[.actual] == nil)
  }

  /// A trace filtered by position still owes the cached keys and values of earlier positions.
  @Test func cachedRecordsOfEarlierPositionsAreMissing() {
    var other = Self.trace
    other.header[integer: .firstPosition] = 1
    other.header[integer: .lastPosition] = 2
    other.records = other.records.filter { $0.key.position >= 1 }
    let result = verdict(Self.trace, other)
    let missing = result.unmatchedExpected.entries.filter { $0.reason == .missing }
    #expect(Set(missing.map(\.key.name.text)) == ["k.rope", "v.proj"])
    #expect(result.unmatchedReasons[.expected]?[.leftOut] == 37 - 4)
  }

  @Test func shapesDiffer() {
    var other = Self.changed()
    other.records[Self.norm] = .init([Float](repeating: 1, count: 8), shape: [2, 4])
    let result = verdict(Self.trace, other, Comparison(comparesCommonOnly: true))
    #expect(result.outcome == .incomparable)
    #expect(result.headline.contains("xb.attn_norm, layer 0, position 0: expected 8, actual 2 x 4"))
    #expect(result.firstDivergence?.key == Self.rope)
  }

  @Test func tokensPart() {
    var other = Self.changed(RecordKey(.logits, layer: nil, position: 2))
    other.tokens[2] = TraceToken(id: 99)
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .diverged)
    #expect(result.tokensPart?.position == 2)
    #expect(result.tokensPart?.actual?.id == 99)
    // The records from there on are neither compared nor unmatched.
    #expect(result.comparedRecords == Self.trace.records.keys.filter { $0.position < 2 }.count)
    #expect(result.divergentRecords == 0 && result.unmatchedExpected.isEmpty)
    // The first of two places counts, and unknown tokens decide nothing.
    other.tokens[1] = TraceToken(id: 98)
    #expect(verdict(Self.trace, other).tokensPart?.position == 1)
    other.tokens = [0: TraceToken(id: 1)]
    other.header[integer: .steps] = nil
    #expect(verdict(Self.trace, other).tokensPart == nil)
  }

  @Test func tokensPartAfterWhatWasAskedFor() {
    var other = Self.trace
    other.tokens[2] = TraceToken(id: 99)
    let filter = RecordFilter(positions: IndexRange(first: 0, last: 1))
    let result = verdict(Self.trace, other, Comparison(filter: filter))
    #expect(result.outcome == .identical && result.tokensPart == nil)
    #expect(result.notes == ["the tokens part at position 2, after the positions asked for"])
  }

  /// A run that ended by itself parts from one that goes on; a run that was asked for fewer steps does not.
  @Test(arguments: [(5, true), (2, false), (nil, false)])
  func aRunThatEndedByItself(steps: Int?, parts: Bool) {
    var short = Self.trace
    short.tokens[2] = nil
    short.records = short.records.filter { $0.key.position < 2 }
    short.header[integer: .steps] = steps
    for isFirst in [true, false] {
      let result = isFirst ? verdict(short, Self.trace) : verdict(Self.trace, short)
      #expect(result.outcome == (parts ? .diverged : .incomparable))
      #expect(result.tokensPart?.position == (parts ? 2 : nil))
    }
    var cut = ArraySource(short, problems: [.cutShort(offset: 64)], isComplete: false)
    var whole = ArraySource(Self.trace)
    #expect(Comparison().compare(&cut, &whole).tokensPart == nil)
    // A token that is lost to damage is not an end.
    var damaged = ArraySource(short, problems: [.wrongChecksum(.token, offset: 64, expected: 1, found: 2)])
    var other = ArraySource(Self.trace)
    #expect(Comparison().compare(&damaged, &other).tokensPart == nil)
  }

  @Test func nothingToCompareIsNeverAPass() {
    let empty = SyntheticTrace(emptyFrom: "x")
    #expect(verdict(empty, empty).exitStatus == 2)
    #expect(verdict(empty, empty, Comparison(comparesCommonOnly: true)).exitStatus == 2)
    let filter = RecordFilter(positions: IndexRange(first: 20))
    #expect(verdict(Self.trace, Self.trace, Comparison(filter: filter)).outcome == .incomparable)
    var parted = Self.trace
    parted.tokens[0] = TraceToken(id: 50)
    let result = verdict(Self.trace, parted)
    #expect(result.outcome == .incomparable)
    #expect(result.headline.contains("the tokens part at position 0"))
  }

  /// A damaged record is a problem: exit 1 where the rest diverges, else 2.
  @Test(arguments: [(false, 2), (true, 1)])
  func damagedRecords(diverges: Bool, status: Int32) {
    for side in Side.allCases {
      var expected = ArraySource(Self.trace, damaged: side == .expected ? [Self.norm] : [])
      var actual = ArraySource(
        diverges ? Self.changed() : Self.trace, damaged: side == .actual ? [Self.norm] : [])
      let result = Comparison().compare(&expected, &actual)
      #expect(result.exitStatus == status)
      #expect(result.outcome == (diverges ? .diverged : .incomparable))
      #expect(result.problems.entries.map(\.side) == [side])
      #expect(result.problems.entries.first?.message.hasPrefix("\(Self.norm): record at offset 64 is damaged") == true)
      #expect(result.comparedRecords == Self.trace.records.count - 1)
    }
  }

  /// What is lost behind a cut does not hide a divergence before it.
  @Test(arguments: [(false, 2), (true, 1)])
  func cutTraces(diverges: Bool, status: Int32) {
    var other = diverges ? Self.changed() : Self.trace
    other.records = other.records.filter { $0.key.position < 2 }
    var expected = ArraySource(Self.trace)
    var actual = ArraySource(other, problems: [.cutShort(offset: 640)], isComplete: false)
    let result = Comparison().compare(&expected, &actual)
    #expect(result.exitStatus == status)
    #expect(result.unmatchedReasons[.expected] == [.lost: 37])
    // A source that says no more than that it is not complete is a problem as well.
    var silent = ArraySource(other, isComplete: false)
    var whole = ArraySource(Self.trace)
    #expect(Comparison().compare(&whole, &silent).problems.count == 1)
  }

  @Test func recordsWithoutTokens() {
    var other = Self.trace
    other.tokens[1] = nil
    let result = verdict(Self.trace, other)
    #expect(result.exitStatus == 2)
    #expect(result.problems.entries.map(\.message) == ["position 1 has records but no token"])
  }

  @Test func unusedPatterns() {
    let filter = RecordFilter(names: [NamePattern("q"), NamePattern("zz*")])
    let result = verdict(Self.trace, Self.trace, Comparison(filter: filter))
    #expect(result.unusedPatterns.map(\.text) == ["zz*"])
    let tolerance = Tolerance(rtolOverrides: [.init(NamePattern("nope"), 1)])
    #expect(
      verdict(Self.trace, Self.trace, Comparison(tolerance: tolerance)).notes
        == ["the tolerance for nope applies to no tensor of these traces"])
  }

  /// A record of another dtype is a difference, but the first difference is one in value where there is any.
  @Test func differentDtypes() throws {
    var other = Self.trace
    let embedding = RecordKey(.embedding, layer: nil, position: 0)
    let values = try #require(Self.trace.records[embedding]).floats
    other.records[embedding] = .init(values.map(Double.init))
    let alone = verdict(Self.trace, other)
    #expect(alone.outcome == .withinTolerance && alone.firstDifference?.key == embedding)
    #expect(alone.notes == ["compared in float64, for different dtypes: 1 record; the first is \(embedding)"])
    other.change(Self.norm, at: 0) { $0.nextUp }
    let result = verdict(Self.trace, other)
    #expect(result.firstDifference?.key == Self.norm && result.travel.start == Self.norm)
    #expect(result.differingRecords == 2)
  }

  @Test func nonFiniteInBothIsSaid() {
    var first = Self.trace
    first.change(Self.norm, at: 0) { _ in .nan }
    let result = verdict(first, first)
    #expect(result.outcome == .identical)
    #expect(result.notes == ["both traces hold NaN or infinity in 1 record; the first is \(Self.norm)"])
  }

  /// "First" is the order of execution, in whatever order a file was written.
  @Test(arguments: 0..<10)
  func firstIsTheOrderOfExecution(seed: Int) throws {
    let folder = try TemporaryFolder()
    var generator = SplitMix(seed: UInt64(seed))
    var other = Self.trace
    let keys = Self.trace.records.keys.sorted()
    let changed = (0..<5).compactMap { _ in keys.randomElement(using: &generator) }
    for key in changed { other.change(key, at: 0) { $0 + 3 } }
    let path = try Self.trace.write(to: folder.path("expected.trace"))
    let shuffled = try other.write(to: folder.path("actual.trace"), order: keys.shuffled(using: &generator))
    var expected = try TraceFile(path: path)
    var actual = try TraceFile(path: shuffled)
    var order: [RecordKey] = []
    let result = Comparison().compare(&expected, &actual) { order.append($0.key) }
    #expect(order == Set(changed).sorted(), "seed \(seed)")
    #expect(result.firstDivergence?.key == changed.min(), "seed \(seed)")
  }

  /// Every truncation of a file is a problem, and none is taken for a whole trace.
  @Test func everyTruncationIsNoticed() throws {
    let folder = try TemporaryFolder()
    let small = SyntheticTrace(layers: 1, positions: 1)
    let path = try small.write(to: folder.path("whole.trace"))
    let bytes = try folder.read("whole.trace")
    for length in stride(from: 192, to: bytes.count, by: 61) {
      let cut = try folder.write(Array(bytes.prefix(length)), as: "cut.trace")
      guard var actual = try? TraceFile(path: cut) else { continue }
      var expected = try TraceFile(path: path)
      let result = Comparison(comparesCommonOnly: true).compare(&expected, &actual)
      #expect(result.exitStatus == 2, "cut at \(length)")
      #expect(!result.problems.isEmpty, "cut at \(length)")
    }
  }
}
