import TestSupport
import Testing
import TraceFormat

@testable import TraceComparison

/// Files are compared by numbers, in runs and on several threads; what comes of it is what record by record comes of
/// them.
@Suite struct FileComparisonTests {
  private static func value(_ generator: inout SplitMix) -> Float {
    KernelTests.number(&generator, Int.random(in: 0..<8, using: &generator) == 0 ? .any : .finite)
  }

  /// Two traces of one run that agree in most records and differ in every way in the rest.
  private static func pair(_ generator: inout SplitMix) -> (SyntheticTrace, SyntheticTrace) {
    let positions = Int.random(in: 1...6, using: &generator)
    let layers = Int.random(in: 1...3, using: &generator)
    var first = SyntheticTrace(seed: generator.next(), layers: layers, positions: positions)
    for key in first.records.keys.sorted() where Int.random(in: 0..<12, using: &generator) == 0 {
      let other = RecordKey(.other("my.\(key.name.text)"), layer: key.layer, position: key.position)
      first.records[other] = first.records[key]
      if let type = ElementType.allCases.randomElement(using: &generator), type != .float32 {
        let bytes = (0..<(4 * type.size)).map { _ in UInt8.random(in: 0...255, using: &generator) }
        first.records[other] = SyntheticTrace.Record(type: type, shape: [4], bytes: bytes)
      }
    }
    var second = first
    let rate = [0, 2, 20, 100].randomElement(using: &generator) ?? 0
    for key in first.records.keys.sorted() where Int.random(in: 0..<100, using: &generator) < rate {
      guard var record = second.records[key] else { continue }
      switch Int.random(in: 0..<12, using: &generator) {
      case 0: second.records[key] = nil
      case 1: first.records[key] = nil
      case 2: record.shape = record.shape == [8] ? [2, 4] : [1] + record.shape
      case 3 where record.type == .float32:
        record = SyntheticTrace.Record(record.floats.map(Double.init), shape: record.shape)
      case 4:
        record.bytes[0] ^= 0x80
        first.records[key]?.bytes[0] ^= 0x80
      default:
        guard record.type == .float32 else {
          record.bytes[record.bytes.count - 1] ^= 1
          break
        }
        for index in record.floats.indices where Bool.random(using: &generator) {
          record.floats[index] = Bool.random(using: &generator) ? record.floats[index].nextUp : value(&generator)
        }
      }
      if second.records[key] != nil { second.records[key] = record }
    }
    switch Int.random(in: 0..<8, using: &generator) {
    case 0: second.tokens[positions - 1] = TraceToken(id: 99)
    case 1: second.header.producer = "another"
    case 2: second.header[integer: .dim] = 9
    default: break
    }
    return (first, second)
  }

  /// Writes a trace, sometimes out of order, cut short or with a byte that is wrong.
  private static func write(
    _ trace: SyntheticTrace, to path: String, damage: UInt64?, _ generator: inout SplitMix
  ) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    let keys = trace.records.keys.sorted()
    let order = Int.random(in: 0..<4, using: &generator) == 0 ? keys.shuffled(using: &generator) : keys
    let isFinished = Int.random(in: 0..<8, using: &generator) > 0
    try trace.write(to: folder.path(path), order: order, isFinished: isFinished)
    var bytes = try folder.read(isFinished ? path : path + ".partial")
    if let damage { bytes[Int(damage % UInt64(bytes.count))] ^= 1 << UInt8(damage % 8) }
    return bytes
  }

  private static let comparisons: [Comparison] = [
    Comparison(), Comparison(tolerance: .exact), Comparison(tolerance: Tolerance(ulp: 1)),
    Comparison(comparesCommonOnly: true),
    Comparison(tolerance: Tolerance(rtolOverrides: [Tolerance.Override(NamePattern("q"), 10)])),
    Comparison(filter: RecordFilter(names: [NamePattern("*.rope"), NamePattern("my*")])),
    Comparison(filter: RecordFilter(excluded: [NamePattern("*.rope"), NamePattern("my*")])),
    Comparison(filter: RecordFilter(layers: IndexRange(parsing: "1"))),
    Comparison(filter: RecordFilter(positions: IndexRange(parsing: "0..1"))),
  ]

  private static func open(_ bytes: [UInt8]) throws -> TraceFile {
    try TraceFile(MappedFile(copying: bytes, name: "bytes"))
  }

  private static func text(_ verdict: Verdict, _ divergences: [Finding]) -> String {
    Report(verdict, expectedPath: "a", actualPath: "b").text
      + VerdictDocument(verdict, expectedPath: "a", actualPath: "b", divergences: divergences).text
      + divergences.map { Report.line($0) }.joined(separator: "\n")
  }

  @Test(arguments: 0..<80)
  func theSameAsRecordByRecord(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    let (first, second) = Self.pair(&generator)
    // A byte may be wrong in one of the files, or the same one in both.
    let isDamaged = Int.random(in: 0..<3, using: &generator) == 0
    let damage: UInt64? = isDamaged ? generator.next() : nil
    let isDamagedToo = isDamaged && Bool.random(using: &generator)
    let firstBytes = try Self.write(first, to: "a.trace", damage: damage, &generator)
    let secondBytes = try Self.write(second, to: "b.trace", damage: isDamagedToo ? damage : nil, &generator)
    let comparison = try #require(Self.comparisons.randomElement(using: &generator))

    var (plainDivergences, divergences): ([Finding], [Finding]) = ([], [])
    // What the damage makes no trace at all is nobody's to compare.
    guard var expected = try? Self.open(firstBytes), var actual = try? Self.open(secondBytes) else { return }
    let plain = comparison.compare(&expected, &actual) { plainDivergences.append($0) }
    let batch = PairBatch(
      runBytes: Int.random(in: 1...2000, using: &generator), runRecords: Int.random(in: 1...9, using: &generator),
      runCount: Int.random(in: 1...7, using: &generator))
    let verdict = comparison.compareFiles(expected, actual, batch) { divergences.append($0) }
    #expect(Self.text(verdict, divergences) == Self.text(plain, plainDivergences), "seed \(seed)")
    let areEqual = String(describing: verdict.cases) == String(describing: plain.cases)
    #expect(areEqual, "seed \(seed)")
    #expect(verdict.held == plain.held && verdict.exitStatus == plain.exitStatus, "seed \(seed)")
  }

  /// A record longer than a piece is looked at to its end: its bytes, its checksum, and whether its elements are
  /// finite.
  @Test(arguments: [2032, 2047, 2048, 2049, 2064, 10000], [0.0, 0.3, 0.6, 0.999])
  func everyPieceOfALongRecordCounts(count: Int, part: Double) throws {
    let folder = try TemporaryFolder()
    let key = RecordKey(.logits, layer: nil, position: 0)
    let place = Int(part * Double(count))
    func bytes(_ name: String, _ change: (inout [Float]) -> Void = { _ in }) throws -> [UInt8] {
      var values = (0..<count).map { Float($0) * 0.37 - 9 }
      change(&values)
      var trace = SyntheticTrace(seed: 1, layers: 1, positions: 1)
      trace.records = [key: SyntheticTrace.Record(values)]
      try trace.write(to: folder.path(name))
      return try folder.read(name)
    }
    let plain = try bytes("plain.trace")
    let nan = try bytes("nan.trace") { $0[place] = .nan }
    let equal = Comparison().compare(try Self.open(plain), try Self.open(plain))
    #expect(equal.outcome == .identical && equal.notes.isEmpty && equal.comparedElements == count)
    let both = Comparison().compare(try Self.open(nan), try Self.open(nan))
    #expect(both.outcome == .identical && both.notes.contains { $0.contains("NaN or infinity in 1 record") })
    let one = Comparison().compare(try Self.open(plain), try Self.open(nan))
    #expect(one.outcome == .diverged && one.firstDivergence?.comparison.worst?.index == place)
    // One flipped bit of the payload in both, under the checksum that was right before.
    let element = withUnsafeBytes(of: Float(place) * 0.37 - 9) { Array($0) }
    let start = try #require(plain.firstRange(of: Array("TENS".utf8))).lowerBound
    let at = try #require(plain[start...].firstRange(of: element)).lowerBound
    var damaged = plain
    damaged[at] ^= 1
    let verdict = Comparison().compare(try Self.open(damaged), try Self.open(damaged))
    #expect(verdict.outcome == .incomparable && verdict.problems.entries.first?.message.contains("damaged") == true)
  }

  /// Equal files whose records are damaged alike are not identical: equal bytes do not make a checksum right.
  @Test func equalDamageIsDamage() throws {
    var generator = SplitMix(seed: 1)
    let folder = try TemporaryFolder()
    let trace = SyntheticTrace(seed: 3, layers: 1, positions: 1)
    try trace.write(to: folder.path("a.trace"))
    let bytes = try folder.read("a.trace")
    let clean = Comparison().compare(try Self.open(bytes), try Self.open(bytes))
    #expect(clean.outcome == .identical && clean.comparedRecords == trace.records.count)
    var compared = 0
    for _ in 0..<200 {
      var damaged = bytes
      let place = Int.random(in: 0..<bytes.count, using: &generator)
      damaged[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      guard let first = try? Self.open(damaged), let second = try? Self.open(damaged) else { continue }
      let verdict = Comparison().compare(first, second)
      #expect(verdict.outcome == .incomparable && !verdict.problems.isEmpty, "byte \(place)")
      compared += 1
    }
    #expect(compared > 100, "the rest is damaged in its header")
  }
}
