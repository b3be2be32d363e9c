import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import Goldens

@Suite struct GoldenUpdateTests {
  private static let trace = SyntheticTrace(seed: 1)

  private func update(_ change: (inout SyntheticTrace) -> Void) throws -> GoldenUpdate {
    var actual = Self.trace
    change(&actual)
    var source = PipeSource(actual)
    let update = try GoldenUpdate(golden(Self.trace), &source)
    #expect(update.golden == (try golden(actual)))
    return update
  }

  @Test func nothingMoved() throws {
    let update = try update { _ in }
    #expect(!update.isChanged && update.changedLines == 0 && update.removedLines == 0)
    #expect(update.verdict.outcome == .identical)
  }

  /// One record is three lines: its sketch, its reviewer's line, and no other.
  @Test func oneRecordMoved() throws {
    let key = RecordKey(.queryRotation, layer: 1, position: 1)
    let update = try update { $0.change(key, at: 3) { $0 + 0.25 } }
    #expect(update.changedLines == 2 && update.removedLines == 2)
    let (before, after) = (try golden(Self.trace).lines, update.golden.lines)
    #expect(before.count == after.count && update.lineCount == after.count)
    let changed = before.indices.filter { before[$0] != after[$0] }.map { after[$0] }
    #expect(
      changed.count == 2 && changed[0].hasPrefix("at 1 layer 1 17 ") && changed[1].utf8.count == Sketch.textLength)
    let worst = try #require(update.verdict.worst)
    #expect(worst.key == key && !worst.comparison.passes && (worst.comparison.ulps ?? 0) > 1e5)
  }

  @Test func withinToleranceIsWrittenToo() throws {
    let update = try update { $0.change(RecordKey(.logits, layer: nil, position: 0), at: 3) { $0.nextUp } }
    #expect(update.changedLines == 2 && update.verdict.outcome == .withinTolerance)
  }

  @Test func headersAndTokens() throws {
    let update = try update {
      $0.header.producer = "other 1"
      $0.tokens[2] = TraceToken(id: 12)
    }
    #expect(update.changedLines == 3 && update.removedLines == 3 && update.verdict.tokensPart?.position == 2)
    #expect(update.verdict.comparedRecords == 74)
  }

  /// Records that come and go, other shapes and another model are recorded too.
  @Test func anythingElse() throws {
    let more = try update { $0 = SyntheticTrace(seed: 1, positions: 4) }
    #expect(more.golden.recordCount == 148 && more.verdict.unmatched.actual.list.count == 37)
    let fewer = try update { $0.records[RecordKey(.logits, layer: nil, position: 1)] = nil }
    #expect(fewer.golden.recordCount == 110 && fewer.verdict.outcome == .identical && fewer.isChanged)
    let shaped = try update { $0.records[RecordKey(.logits, layer: nil, position: 1)]?.shape = [4, 4] }
    #expect(shaped.verdict.shapeMismatches.count == 1 && shaped.isChanged)
    let other = try update { $0.header[integer: .dim] = 16 }
    #expect(other.verdict.comparedRecords == 0 && !other.verdict.headers.conflicts.isEmpty && other.changedLines == 2)
  }

  @Test func whatCannotBeRecorded() throws {
    let old = try golden(Self.trace)
    var cut = PipeSource(Self.trace, isComplete: false)
    #expect(throws: GoldenError.cannotRecord("the trace is cut short")) { try GoldenUpdate(old, &cut) }
    let key = RecordKey(.logits, layer: nil, position: 1)
    var damaged = PipeSource(Self.trace, damaged: [key])
    #expect { try GoldenUpdate(old, &damaged) } throws: { "\($0)".hasPrefix("logits, position 1: record at offset 64") }
    var disordered = PipeSource(Self.trace, order: [key, RecordKey(.logits, layer: nil, position: 0)])
    #expect { try GoldenUpdate(old, &disordered) } throws: { "\($0)".contains("is not recorded after") }
    var empty = PipeSource(SyntheticTrace(emptyFrom: "nobody"))
    #expect(throws: GoldenError.cannotRecord("the trace holds no record")) { try GoldenUpdate(old, &empty) }
  }
}
