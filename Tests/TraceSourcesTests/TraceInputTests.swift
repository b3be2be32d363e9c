import TestSupport
import Testing
import TraceComparison
import TraceFormat
import TraceSources

/// A comparison gives the same verdict whatever the two traces are made of.
@Suite struct TraceInputTests {
  /// What a trace can be read as.
  enum Form: CaseIterable, Sendable { case file, parts, stream }

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func open(_ trace: SyntheticTrace, _ form: Form, _ name: String) throws -> TraceInput {
    let path = folder.path("\(name).trace")
    switch form {
    case .file: return .trace(.file(try TraceFile(path: trace.write(to: path))))
    case .stream: return .stream(try TraceStream(path: trace.write(to: path)))
    case .parts:
      let paths = try (0..<2).map { number in
        var part = trace
        part.records = trace.records.filter { ($0.key.layer ?? 0) % 2 == number || $0.key.name.site?.isCached ?? false }
        return try part.write(to: folder.path("\(name)\(number).trace"))
      }
      return .trace(.parts(try TraceParts(paths: paths)))
    }
  }

  private func text(_ verdict: Verdict) -> String {
    Report(verdict, expectedPath: "a", actualPath: "b").text
      + VerdictDocument(verdict, expectedPath: "a", actualPath: "b").text
  }

  /// Traces that part in one way or another.
  static let changes: [String] = [
    "nothing", "value", "missing", "more", "shape", "token", "early end", "token without records", "steps", "model",
  ]

  static func changed(_ change: String) -> (expected: SyntheticTrace, actual: SyntheticTrace) {
    let trace = SyntheticTrace(layers: 2, positions: 4)
    var (expected, other) = (trace, trace)
    let key = RecordKey(.queryRotation, layer: 1, position: 2)
    switch change {
    case "value":
      other.change(key, at: 3) { $0 + 1 }
      other.change(RecordKey(.logits, layer: nil, position: 3), at: 1) { $0 + 1 }
    case "missing": other.records[key] = nil
    case "more": other.records[RecordKey(.other("mine"), layer: 1, position: 2)] = SyntheticTrace.Record([1] as [Float])
    case "shape": other.records[key] = SyntheticTrace.Record([1, 2] as [Float])
    case "token":
      other.tokens[2] = TraceToken(id: 9)
      other.change(RecordKey(.queryRotation, layer: 1, position: 3), at: 0) { $0 + 1 }
    case "early end":
      other.records = trace.records.filter { $0.key.position < 3 }
      other.tokens[3] = nil
    case "token without records":
      for position in 4...6 {
        expected.tokens[position] = TraceToken(id: 1)
        other.tokens[position] = TraceToken(id: position == 5 ? 2 : 1)
      }
    case "steps": other = SyntheticTrace(layers: 2, positions: 3)
    case "model": other.header[integer: .dim] = 9
    default: break
    }
    return (expected, other)
  }

  @Test(arguments: changes, Form.allCases)
  func theSameVerdict(change: String, form: Form) throws {
    let (expected, actual) = Self.changed(change)
    let comparisons = [
      Comparison(), Comparison(tolerance: .exact), Comparison(comparesCommonOnly: true),
      Comparison(filter: RecordFilter(positions: IndexRange(parsing: "0..1"))),
      Comparison(filter: RecordFilter(names: [NamePattern("q"), NamePattern("logits")])),
    ]
    for comparison in comparisons {
      var first = try open(expected, .file, "a")
      var second = try open(actual, .file, "b")
      let plain = text(comparison.compare(&first, &second))
      for (firstForm, secondForm) in [(.file, form), (form, .file), (form, form)] as [(Form, Form)] {
        var first = try open(expected, firstForm, "c")
        var second = try open(actual, secondForm, "d")
        #expect(text(comparison.compare(&first, &second)) == plain, "\(firstForm) against \(secondForm)")
      }
    }
  }

  /// What is asked for at the first divergence: nothing after it is looked at, and no more is said of it.
  @Test(arguments: changes, Form.allCases)
  func stoppingAtTheFirst(change: String, form: Form) throws {
    let (expected, actual) = Self.changed(change)
    let comparison = Comparison(stopsAtFirst: true)
    var first = try open(expected, .file, "a")
    var second = try open(actual, .file, "b")
    let plain = comparison.compare(&first, &second)
    var third = try open(expected, form, "c")
    var fourth = try open(actual, form, "d")
    let verdict = comparison.compare(&third, &fourth)
    #expect(verdict.outcome == plain.outcome && verdict.firstDivergence == plain.firstDivergence)
    #expect(verdict.comparedRecords == plain.comparedRecords && verdict.tokensPart == plain.tokensPart)
    #expect(verdict.divergentRecords == (change == "value" ? 1 : 0))
    var fifth = try open(expected, .file, "e")
    var sixth = try open(actual, .file, "f")
    let whole = Comparison().compare(&fifth, &sixth)
    #expect(whole.outcome == verdict.outcome && whole.firstDivergence == verdict.firstDivergence)
    #expect(verdict.isStopped || change == "token" || text(verdict) == text(whole))
    guard change == "value" else { return }
    #expect(verdict.isStopped && !whole.isStopped)
    let before = expected.records.keys.count { $0 <= RecordKey(.queryRotation, layer: 1, position: 2) }
    #expect(verdict.comparedRecords == before)
    #expect(
      text(verdict).contains(
        "\nstopped    at the first record beyond tolerance, as --first asks; what comes after it was not compared\n"))
    #expect(!text(verdict).contains("How the error travels"))
  }

  /// Where the tokens part, a live comparison that is to stop there reads no more.
  @Test func stoppingWhereTheTokensPart() throws {
    let (expected, actual) = Self.changed("token")
    var first = try open(expected, .file, "a")
    var second = try open(actual, .stream, "b")
    let verdict = Comparison(stopsAtFirst: true).compare(&first, &second)
    let isLive = second.isLive
    #expect(verdict.isStopped && isLive && verdict.tokensPart?.position == 2 && verdict.outcome == .diverged)
    #expect(text(verdict).contains("\nstopped    where the tokens part, as --first asks"))
  }

  /// A stream that ends too early.
  @Test func aStreamThatIsCutShort() throws {
    let trace = SyntheticTrace(layers: 2, positions: 4)
    let path = folder.path("cut.trace")
    try trace.write(to: path)
    let bytes = try folder.read("cut.trace")
    try folder.write(Array(bytes[..<(bytes.count / 2)]), as: "cut.trace")
    var first = try open(trace, .file, "a")
    var second = TraceInput.stream(try TraceStream(path: path))
    let verdict = Comparison().compare(&first, &second)
    #expect(verdict.outcome == .incomparable && verdict.problems.count == 1)
    #expect(verdict.problems.entries[0].message.hasPrefix("the trace is cut short"))
    #expect(verdict.unmatched.expected.list.entries[0].reason == .lost)
    // What diverges before the end decides.
    var changed = trace
    changed.change(RecordKey(.embedding, layer: nil, position: 0), at: 0) { $0 + 1 }
    var third = try open(changed, .file, "a")
    var fourth = TraceInput.stream(try TraceStream(path: path))
    #expect(Comparison().compare(&third, &fourth).outcome == .diverged)
  }
}
