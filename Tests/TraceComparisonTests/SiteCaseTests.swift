import TestSupport
import Testing
import TraceFormat

@testable import TraceComparison

/// What a comparison counts per tensor and layer. `FileComparisonTests` holds files to the same.
@Suite struct SiteCaseTests {
  private let trace = SyntheticTrace(seed: 1)

  private func value(_ verdict: Verdict, _ site: Site, _ layer: Int?) -> SiteCase? {
    verdict.cases.first { $0.name == .site(site) && $0.layer == layer }
  }

  @Test func equalTraces() throws {
    let cases = verdict(trace, trace).cases
    #expect(cases.count == 37)
    #expect(cases.map(\.order) == cases.map(\.order).sorted())
    #expect(cases.allSatisfy { $0.numbers.records == 3 && $0.numbers.differing == 0 && $0.numbers.worstPosition == -1 })
    #expect(value(verdict(trace, trace), .attentionScores, 1)?.numbers.elements == 2 * (1 + 2 + 3))
  }

  @Test func greatestErrorsAndTheirPlaces() throws {
    var other = trace
    let key = { RecordKey(.queryRotation, layer: 1, position: $0) }
    other.change(key(0), at: 1) { $0.nextUp }
    other.change(key(1), at: 1) { $0 + 0.5 }
    other.change(key(2), at: 1) { $0 + 0.25 }
    let verdict = verdict(trace, other)
    let own = try #require(value(verdict, .queryRotation, 1))
    #expect(own.numbers.differing == 3 && own.numbers.divergent == 2 && own.numbers.worstPosition == 1)
    #expect(own.firstDivergence == verdict.firstDivergence && own.firstDivergence?.key == key(1))
    #expect(own.numbers.ratio == verdict.worst?.comparison.ratio)
    #expect(own.numbers.scaledError == verdict.worst?.comparison.greatestScaledError)
    #expect(own.numbers.ulpError == verdict.worst?.comparison.greatestUlpError)
    #expect(value(verdict, .queryRotation, 0)?.numbers.differing == 0)

    // NaN against a number is worse than any error, whatever comes later.
    other.change(key(0), at: 0) { _ in .nan }
    let worse = try #require(value(TraceComparisonTests.verdict(trace, other), .queryRotation, 1)?.numbers)
    #expect(worse.worstPosition == 0 && worse.nonFiniteMismatches == 1 && worse.scaledError == own.numbers.scaledError)
  }

  @Test func whatIsNotCompared() throws {
    var other = trace
    other.records[RecordKey(.logits, layer: nil, position: 1)] = nil
    other.records[RecordKey(.logits, layer: nil, position: 2)] = nil
    other.records[RecordKey(.gateProjection, layer: 0, position: 0)]?.shape = [3, 4]
    let verdict = verdict(
      trace, other, Comparison(filter: RecordFilter(names: [NamePattern("logits"), NamePattern("hb")])))
    let logits = try #require(value(verdict, .logits, nil))
    #expect(logits.numbers.records == 1 && logits.numbers.unmatched == 2)
    #expect(logits.firstUnmatched?.side == .expected && logits.firstUnmatched?.record.key.position == 1)
    let gate = try #require(value(verdict, .gateProjection, 0))
    #expect(
      gate.numbers.shapeMismatches == 1 && gate.firstShapeMismatch?.key.position == 0 && gate.numbers.records == 2)
    // Both traces pass over what was not asked for.
    #expect(value(verdict, .embedding, nil)?.numbers.leftOut == 6)
  }

  @Test func damagedRecords() throws {
    let key = RecordKey(.logits, layer: nil, position: 1)
    var first = ArraySource(trace)
    var second = ArraySource(trace, damaged: [key])
    let verdict = Comparison().compare(&first, &second)
    let logits = try #require(value(verdict, .logits, nil))
    #expect(logits.numbers.unreadable == 1 && logits.numbers.records == 2 && logits.firstProblem?.side == .actual)
  }

  /// Layers that no model has cost no more memory than others.
  @Test func farLayers() {
    var table = CaseTable()
    for layer in [Int(Int32.max), 4096, 4095, 0, -1] {
      for name in ["a", "b"] {
        let key = RecordKey(TensorName(name), layer: layer < 0 ? nil : layer, position: 0)
        let number = table.number(of: key)
        #expect(table.number(of: key) == number)
        table.takeEqual(number, elementCount: layer & 7)
      }
    }
    let cases = table.finished()
    #expect(cases.count == 10 && cases.allSatisfy { $0.numbers.records == 1 })
    #expect(cases.map(\.layer) == [0, 0, 4095, 4095, 4096, 4096, Int(Int32.max), Int(Int32.max), nil, nil])
  }

  /// Files count records of equal bytes by place, as far as layers are few.
  @Test func farLayersOfFiles() throws {
    var trace = SyntheticTrace(emptyFrom: "deep 1")
    trace.tokens[0] = TraceToken(id: 1)
    for layer in [0, 62, 63, 64, 4095, 4096, 100_000] {
      for name in ["q.rope", "my.q"] {
        trace.records[RecordKey(TensorName(name), layer: layer, position: 0)] = SyntheticTrace.Record(
          [1, 2] as [Float])
      }
    }
    var other = trace
    other.change(RecordKey(.queryRotation, layer: 64, position: 0), at: 0) { $0 + 1 }
    let folder = try TemporaryFolder()
    let (first, second) = (try trace.write(to: folder.path("a.trace")), try other.write(to: folder.path("b.trace")))
    let files = try withExtendedLifetime(folder) {
      Comparison().compare(try TraceFile(path: first), try TraceFile(path: second))
    }
    let plain = verdict(trace, other)
    let areEqual = String(describing: files.cases) == String(describing: plain.cases)
    #expect(areEqual && files.cases.count == 14)
    #expect(files.cases.allSatisfy { $0.numbers.records == 1 && $0.numbers.elements == 2 })
  }

  @Test func sumsAreTheVerdicts() {
    var other = trace
    for key in trace.records.keys.sorted() where key.position == 1 { other.change(key, at: 0) { $0 + 1 } }
    let verdict = verdict(trace, other)
    #expect(verdict.cases.reduce(0) { $0 + $1.numbers.records } == verdict.comparedRecords)
    #expect(verdict.cases.reduce(0) { $0 + $1.numbers.elements } == verdict.comparedElements)
    #expect(verdict.cases.reduce(0) { $0 + $1.numbers.differing } == verdict.differingRecords)
    #expect(verdict.cases.reduce(0) { $0 + $1.numbers.divergent } == verdict.divergentRecords)
  }
}
