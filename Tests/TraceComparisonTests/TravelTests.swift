import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct TravelTests {
  /// From the divergence on: its layer site by site, then x after each layer, then the logits, then later positions.
  @Test func rowsFromTheFirstDivergence() {
    let trace = SyntheticTrace(seed: 3, layers: 4, positions: 14)
    var other = trace
    other.change(RecordKey(.embedding, layer: nil, position: 0), at: 0) { $0.nextUp }
    other.change(RecordKey(.downProjection, layer: 1, position: 1), at: 0) { $0 + 1 }
    other.change(RecordKey(.ffnResidual, layer: 2, position: 1), at: 0) { $0 + 2 }
    other.change(RecordKey(.swiglu, layer: 3, position: 5), at: 0) { $0 + 2 }
    let travel = verdict(trace, other).travel
    #expect(travel.start == RecordKey(.downProjection, layer: 1, position: 1))
    #expect(
      travel.rows.map(\.key.description) == [
        "xb.w2, layer 1, position 1", "x.ffn_residual, layer 1, position 1", "x.ffn_residual, layer 2, position 1",
        "x.ffn_residual, layer 3, position 1", "x.final_norm, position 1", "logits, position 1",
      ])
    #expect(travel.rows.map { $0.beyond } == [1, 0, 1, 0, 0, 0])
    #expect(travel.laterPositions.map(\.key.position) == Array(2...11))
    #expect(travel.laterPositionCount == 12)
    #expect(travel.laterPositions[3].key == RecordKey(.swiglu, layer: 3, position: 5))
  }

  @Test func fromTheFirstDifferenceWhereNothingDiverges() {
    let trace = SyntheticTrace(seed: 3)
    var other = trace
    let key = RecordKey(.upProjection, layer: 1, position: 2)
    other.change(key, at: 0) { $0.nextUp }
    let travel = verdict(trace, other).travel
    #expect(travel.start == key)
    #expect(travel.rows.count == 6)
    #expect(verdict(trace, trace).travel.start == nil)
  }

  /// What is kept does not grow with the length of the run.
  @Test func listsAreBounded() {
    let trace = SyntheticTrace(seed: 3, layers: 3, positions: 30)
    var other = trace
    other.records = other.records.filter { $0.key.name == .site(.logits) }
    for position in 0..<30 { other.change(RecordKey(.logits, layer: nil, position: position), at: 0) { $0 + 9 } }
    let result = verdict(trace, other)
    #expect(result.unmatched.expected.list.entries.count == 100)
    #expect(result.unmatched.expected.count == trace.records.count - 30)
    #expect(result.divergentRecords == 30)
    #expect(result.travel.rows.count == 1 && result.travel.laterPositions.count == 10)
  }
}
