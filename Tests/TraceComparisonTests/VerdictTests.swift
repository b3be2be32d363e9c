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
    HeaderField.dim, .hiddenDim, .layerCount, .headCount, .keyValueHeadCount, .vocabularySize,
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
    #expect(result.unmatched.expected.list.entries == [UnmatchedRecord(key: Self.norm, reason: .missing)])
    #expect(result.unmatched.actual.list.entries.map(\.key.name.text) == ["my.tensor"])
    // What was compared is still told.
    #expect(result.firstDivergence?.key == Self.rope)

    let common = verdict(Self.trace, other, Comparison(comparesCommonOnly: true))
    #expect(common.outcome == .diverged)
    #expect(common.unmatched.expected.count == 1)
    let filtered = verdict(Self.trace, other, Comparison(filter: RecordFilter(names: [NamePattern("q")])))
    #expect(filtered.outcome == .diverged && filtered.unmatched.expected.isEmpty && filtered.unmatched.actual.isEmpty)
  }

  @Test func whyARecordIsMissing() {
    var other = Self.trace
    other.header[text: .sites] = "q.rope,logits"
    other.header[integer: .lastPosition] = 1
    other.header[integer: .steps] = 2
    other.records = other.records.filter { $0.key.name == .site(.queryRotation) && $0.key.position < 2 }
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .incomparable)
    let reasons = result.unmatched.expected.reasons
    #expect(reasons[.beyondEnd] == 3)
    #expect(reasons[.missing] == 2)
    #expect(reasons[.leftOut] == result.unmatched.expected.count - 5)
    #expect(result.unmatched.actual.reasons.isEmpty)
  }

  /// A trace filtered by position still owes the cached keys and values of earlier positions.
  @Test func cachedRecordsOfEarlierPositionsAreMissing() {
    var other = Self.trace
    other.header[integer: .firstPosition] = 1
    other.header[integer: .lastPosition] = 2
    other.records = other.records.filter { $0.key.position >= 1 }
    let result = verdict(Self.trace, other)
    let missing = result.unmatched.expected.list.entries.filter { $0.reason == .missing }
    #expect(Set(missing.map(\.key.name.text)) == ["k.rope", "v.proj"])
    #expect(result.unmatched.expected.reasons[.leftOut] == 37 - 4)
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
    #expect(result.divergentRecords == 0 && result.unmatched.expected.isEmpty)
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
    #expect(result.unmatched.expected.reasons == [.lost: 37])
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
    #expect(result.unused.only.map(\.text) == ["zz*"])
    let excluding = RecordFilter(excluded: [NamePattern("q"), NamePattern("zz*")])
    #expect(verdict(Self.trace, Self.trace, Comparison(filter: excluding)).unused.except.map(\.text) == ["zz*"])
    let tolerance = Tolerance(rtolOverrides: [.init(NamePattern("nope"), 1)])
    #expect(
      verdict(Self.trace, Self.trace, Comparison(tolerance: tolerance)).notes
        == ["the tolerance for nope applies to no tensor of these traces"])
  }

  /// A record of another dtype that is equal in value is told apart from one that differs; and the first difference is
  /// one in value where there is any.
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
    #expect(result.differingRecords == 1 && result.equalInOtherTypeRecords == 1)
    let equal = "1 is equal in value but of another dtype"
    #expect(result.headline == "within tolerance: 1 of 111 records differs, \(equal), none beyond tolerance")
    #expect(report(alone).contains("First of another dtype, equal in value: \(embedding)\n"))
    #expect(report(alone).contains("; 0 differ in value\n"))

    // Where only equal bits pass, the first record of another dtype is the first in every respect.
    let exact = verdict(Self.trace, other, Comparison(tolerance: .exact))
    #expect(exact.outcome == .diverged && exact.differingRecords == 2 && exact.divergentRecords == 2)
    #expect(exact.firstDifference?.key == embedding && exact.firstDivergence?.key == embedding)
    #expect(exact.travel.start == embedding && exact.travel.rows.first?.beyond == 8)
    #expect(exact.firstDivergence?.index == [0])
    let text = report(exact)
    #expect(text.contains("First bitwise difference, and first beyond tolerance: \(embedding)\n"))
    #expect(text.contains("Mismatched elements: 8 / 8 (100%); 8 differ bitwise\n"))
    #expect(text.contains("  allowance   none: --exact asks for equal bits, which different dtypes never have\n"))
    #expect(text.contains("  would pass  without --exact: the values are equal\n"))
  }

  private func report(_ verdict: Verdict) -> String {
    Report(verdict, expectedPath: "a", actualPath: "b").text
  }

  /// The context is what a run may use, not what it computes with.
  @Test func theContextIsANote() {
    var other = Self.trace
    other.header[integer: .sequenceLength] = 288
    let result = verdict(Self.trace, other)
    #expect(result.outcome == .identical && result.headers.notes == ["seq_len: expected 32, actual 288"])
  }

  @Test func recordsWithoutElementsAreNothingToCompare() {
    var trace = SyntheticTrace(emptyFrom: "x")
    trace.tokens[0] = TraceToken(id: 1)
    trace.records[RecordKey(.logits, layer: nil, position: 0)] = .init([Float]())
    let result = verdict(trace, trace)
    #expect(result.comparedRecords == 1 && result.comparedElements == 0)
    #expect(result.outcome == .incomparable && result.exitStatus == 2)
    #expect(result.headline == "incomparable: nothing to compare: no record that both traces have holds an element")
  }

  @Test func whatWasAskedForAndWhatIsThere() {
    let filter = RecordFilter(positions: IndexRange(first: 30, last: 100))
    #expect(
      verdict(Self.trace, Self.trace, Comparison(filter: filter)).headline
        == "incomparable: nothing to compare: neither trace holds a tensor that was asked for; "
        + "expected holds layers 0..1, positions 0..2; actual holds layers 0..1, positions 0..2")
    var parted = Self.trace
    parted.tokens[1] = TraceToken(id: 50)
    let later = RecordFilter(positions: IndexRange(first: 1))
    #expect(
      verdict(Self.trace, parted, Comparison(filter: later)).headline.hasSuffix(
        "the tokens part at position 1, before the first tensor that was asked for"))
  }

  /// No header makes a comparison trap.
  @Test(arguments: [Int.min, -1, 0, Int.max])
  func extremeHeaders(value: Int) {
    let fields = HeaderField.allCases.filter { verdictFields.contains($0) }
    for field in fields {
      var other = Self.changed()
      other.header[integer: field] = value
      other.records[Self.norm] = nil
      for (first, second) in [(Self.trace, other), (other, Self.trace), (other, other)] {
        let result = verdict(first, second)
        #expect(report(result).hasPrefix(result.headline + "\n"))
        let text = VerdictDocument(result, expectedPath: "a", actualPath: "b").text
        #expect(text.contains("\"verdict\":\"\(result.outcome.rawValue)\""))
      }
    }
  }

  private var verdictFields: [HeaderField] {
    [
      .dim, .hiddenDim, .layerCount, .headCount, .keyValueHeadCount, .vocabularySize, .sequenceLength, .firstLayer,
      .lastLayer, .firstPosition, .lastPosition, .steps, .groupSize,
    ]
  }

  /// Different weights explain different values, and nothing where there are none.
  @Test func fingerprints() {
    for (trace, isExplained) in [(Self.trace, false), (Self.changed(), true)] {
      var (first, second) = (Self.trace, trace)
      first.header[text: .checkpointFingerprint] = "0000000000000001"
      second.header[text: .checkpointFingerprint] = "0000000000000002"
      let result = verdict(first, second)
      #expect(result.headers.notes.first?.hasPrefix("the checkpoints have different fingerprints") == true)
      #expect(result.notes.contains("different weights give different values") == isExplained)
    }
  }

  @Test func temperaturesAreShownAsTheyWereGiven() {
    var (first, second) = (Self.trace, Self.trace)
    first.header[real: .temperature] = 0
    second.header[real: .temperature] = Double(Float(0.8))
    #expect(verdict(first, second).headers.notes == ["temperature: expected 0, actual 0.8"])
  }

  @Test func oneRecordAndSeveral() {
    var one = Self.trace
    one.records = one.records.filter { $0.key == Self.rope }
    #expect(verdict(one, one).headline == "identical: the one record has equal bytes")
    var near = one
    near.change(Self.rope, at: 0) { $0.nextUp }
    #expect(verdict(one, near).headline == "within tolerance: 1 of 1 record differs, none beyond tolerance")
  }

  /// Why a trace lacks a record, as far as can be told.
  @Test func reasonsOfUnmatchedRecords() {
    var (first, second) = (Self.trace, Self.trace)
    let sites = Site.all(quantized: false).map(\.rawValue).joined(separator: ",")
    first.header[text: .sites] = sites
    second.header[text: .sites] = sites
    second.header[text: .precision] = "f32"
    let values = RecordKey(.attentionNormValues, layer: 0, position: 0)
    first.records[values] = .init([1 as Float])
    let misspelt = RecordKey(TensorName("q.rop"), layer: 0, position: 0)
    let unknown = RecordKey(TensorName("mine.own"), layer: 0, position: 0)
    for key in [misspelt, unknown] { second.records[key] = .init([1 as Float]) }
    let result = verdict(first, second)
    #expect(result.unmatched.expected.reasons == [.wrongKind: 1])
    #expect(result.unmatched.actual.reasons == [.unknownName: 2])
    #expect(result.unmatched.actual.list.entries.map(\.suggestion) == [nil, "q.rope"])
    #expect(result.headline.contains("xq.attn_norm, layer 0, position 0 (not a site of its kind of run)"))
    #expect(report(result).contains("  q.rop, layer 0, position 0 (not a site of the table; did you mean q.rope?)\n"))
  }

  /// A site that is missing everywhere takes one line, not one for every record.
  @Test func unmatchedRecordsAreGrouped() {
    var other = Self.trace
    other.records = other.records.filter { key, _ in
      key.name != .site(.queryRotation) && key != RecordKey(.logits, layer: nil, position: 1)
        && !(key.name == .site(.swiglu) && key.layer == key.position)
    }
    let text = report(verdict(Self.trace, other))
    #expect(text.contains("Only in expected: 9 records; in actual 9 missing\n"))
    #expect(text.contains("\n  q.rope, layers 0..1, positions 0..2: 6 records\n"))
    #expect(text.contains("\n  logits, position 1\n"))
    #expect(text.contains("\n  hb.swiglu, among layers 0..1, positions 0..1: 2 records\n"))
  }

  /// NaN on both sides passes and says so, without numbers that mean nothing.
  @Test func pairsOfNaN() {
    var (first, second) = (Self.trace, Self.trace)
    first.change(Self.norm, at: 0) { _ in .nan }
    second.change(Self.norm, at: 0) { _ in -.nan }
    let text = report(verdict(first, second))
    #expect(text.contains("  error       none: both are NaN\n"))
    for word in ["  allowance", "would pass", "max(nan", "  used"] { #expect(!text.contains(word), "\(word)") }
    let exact = report(verdict(first, second, Comparison(tolerance: .exact)))
    #expect(exact.contains("  allowance   none: --exact asks for equal bits, and those of these NaN differ\n"))
    #expect(exact.contains("  would pass  without --exact: NaN passes against NaN\n"))

    let against = verdict(Self.trace, first)
    #expect(against.travel.rows.first?.nonFiniteMismatches == 1)
    #expect(report(against).contains(" non-finite "))
    #expect(report(against).contains("  error       not a number: NaN or infinity stands against something else\n"))
  }

  /// What the report says would pass does pass.
  @Test func theRemedyPasses() throws {
    let other = Self.changed()
    let own = Tolerance(
      rtolOverrides: [.init(NamePattern("q"), 1e-6)], atolOverrides: [.init(NamePattern("*.rope"), 0)])
    let text = report(verdict(Self.trace, other, Comparison(tolerance: own)))
    let line = try #require(text.split(separator: "\n").first { $0.contains("  would pass") })
    let numbers = line.split(separator: "'").filter { $0.hasPrefix("q.rope=") }.compactMap { Double($0.dropFirst(7)) }
    #expect(line.contains("--rtol 'q.rope=") && line.contains("--atol 'q.rope=") && numbers.count == 2)
    var wide = own
    wide.rtolOverrides.append(.init(NamePattern("q.rope"), numbers[0]))
    #expect(verdict(Self.trace, other, Comparison(tolerance: wide)).exitStatus == 0)
    wide = own
    wide.atolOverrides.append(.init(NamePattern("q.rope"), numbers[1]))
    #expect(verdict(Self.trace, other, Comparison(tolerance: wide)).exitStatus == 0)

    let ulp = verdict(Self.trace, other, Comparison(tolerance: Tolerance(ulp: 3)))
    let smallest = try #require(ulp.smallestUlp.flatMap { Int(exactly: $0) })
    #expect(report(ulp).contains("  would pass  --ulp \(smallest), or beside --ulp 3: --rtol "))
    #expect(verdict(Self.trace, other, Comparison(tolerance: Tolerance(ulp: smallest))).exitStatus == 0)
    #expect(verdict(Self.trace, other, Comparison(tolerance: Tolerance(ulp: smallest - 1))).exitStatus == 1)
    // An inequality that decides nothing is not shown.
    #expect(!report(ulp).contains(Tolerance.inequality) && report(ulp).contains("  allowance   3 ulp\n"))
    let roomy = report(verdict(Self.trace, other, Comparison(tolerance: Tolerance(ulp: smallest + 5))))
    #expect(roomy.contains("  would pass  --ulp \(smallest) everywhere\n"))
  }

  /// Between formats ulps are those of the coarser one, which the report says.
  @Test func ulpsOfTheCoarserFormat() {
    var (first, second) = (Self.trace, Self.trace)
    first.records[Self.norm] = record(.float16, [UInt16](repeating: 0x3C00, count: 8))
    second.records[Self.norm] = .init([Float](repeating: 1.0001, count: 8))
    #expect(report(verdict(first, second)).contains(", 0 ulp of float16\n"))
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
    // From the end of the header on: without one there is no trace.
    for length in stride(from: 320, to: bytes.count, by: 61) {
      let cut = try folder.write(Array(bytes.prefix(length)), as: "cut.trace")
      var actual = try TraceFile(path: cut)
      var expected = try TraceFile(path: path)
      let result = Comparison(comparesCommonOnly: true).compare(&expected, &actual)
      #expect(result.exitStatus == 2, "cut at \(length)")
      #expect(!result.problems.isEmpty, "cut at \(length)")
    }
  }
}
