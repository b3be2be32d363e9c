import Explanation
import Model
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@testable import CIReports

/// Every verdict of explain, as cases, and as a history's bound.
@Suite struct ExplanationSummaryTests {
  private static let tokens = sampleTokens(count: 6, vocabularySize: 320)

  /// Explains a run with planted faults.
  ///
  /// - Parameter lost: how many bytes the file lacks at its end.
  private static func explain(_ faults: [String], lost: Int = 0) throws -> Explanation {
    let folder = try TemporaryFolder()
    let planted = try faults.map { try #require(Fault.named($0)) }
    try trace(
      TestModel.grouped.checkpoint(.legacy), FaultyOperations(planted), tokens: tokens, to: folder.path("a.trace"))
    let path = try folder.write(Array(folder.read("a.trace").dropLast(lost)), as: "cut.trace")
    let opened = try withExtendedLifetime(folder) { try TraceFile(path: path) }
    return try Explainer(RecordedTensors(opened), model: ModelWeights(TestModel.grouped.checkpoint(.legacy))).explain()
  }

  private static func summary(_ explanation: Explanation) -> CheckSummary {
    CheckSummary(explanation, tool: "tracediff explain", subject: "a.trace --model m.bin")
  }

  @Test func rounding() throws {
    let summary = Self.summary(try Self.explain([]))
    #expect(summary.outcome == "rounding" && summary.exitStatus == 0 && summary.isConsistent)
    #expect(summary.count(of: .passed) == summary.cases.count && summary.cases.count == 3 * 17 + 3)
    #expect(summary.cases.first?.name == "x.embed" && summary.cases.last?.name == "logits")
    let message = try #require(summary.value("q.rope", "layer 2")?.message)
    #expect(message.hasPrefix("6 records, ") && message.contains(": rounding, greatest ratio to the bound 0."))
  }

  @Test func fault() throws {
    let explanation = try Self.explain(["residual-attn-of-xb"])
    let summary = Self.summary(explanation)
    #expect(summary.outcome == "fault" && summary.exitStatus == 1 && summary.isConsistent)
    #expect(summary.count(of: .failed) == 3)
    let value = try #require(summary.value("x.attn_residual", "layer 1"))
    let cause = "another buffer is added: x + xb.attn instead of x + xb2.wo"
    #expect(value.message == "rounding does not explain 6 of 6 records, first at position 0: \(cause)")
    #expect(value.detail.hasPrefix("cause     \(cause)\nfirst     x.attn_residual, layer 1, position 0, element ["))
    let all = explanation.sites[.attentionResidual]?.layers.map(\.summary.faulty).reduce(0, +)
    #expect(all == explanation.faults.first?.records)
  }

  @Test func cutShort() throws {
    let summary = Self.summary(try Self.explain([], lost: 8))
    #expect(summary.outcome == "unchecked" && summary.exitStatus == 2 && summary.isConsistent)
    #expect(summary.value("trace", "file")?.status == .error && summary.count(of: .failed) == 0)
  }

  @Test func namesOutsideTheTableAreSkipped() throws {
    var foreign = SyntheticTrace(emptyFrom: "port 1")
    foreign.tokens[0] = TraceToken(id: 1)
    foreign.records[RecordKey(TensorName("my.tensor"), layer: 2, position: 0)] = SyntheticTrace.Record([1 as Float])
    let folder = try TemporaryFolder()
    let opened = try withExtendedLifetime(folder) {
      try TraceFile(path: foreign.write(to: folder.path("a.trace")))
    }
    let explanation = try Explainer(
      RecordedTensors(opened), model: ModelWeights(TestModel.grouped.checkpoint(.legacy))
    ).explain()
    let summary = Self.summary(explanation)
    #expect(summary.exitStatus == 2 && summary.isConsistent)
    #expect(
      summary.value("my.tensor", "layer 2")
        == CheckSummary.Case(
          name: "my.tensor", layer: 2, status: .skipped, message: "not checked: not a site of the table"))
  }

  @Test func theBoundOfAHistory() throws {
    let explanation = try Self.explain(["residual-attn-of-xb"])
    let folder = try TemporaryFolder()
    let checkpoint = try TestModel.grouped.checkpoint(.legacy)
    try trace(checkpoint, FaultyOperations([]), tokens: Self.tokens, to: folder.path("a.trace"))
    let path = folder.path("a.trace")
    let verdict = try withExtendedLifetime(folder) {
      Comparison().compare(try TraceFile(path: path), try TraceFile(path: path))
    }
    let entry = try DriftEntry(commit: "a1", verdict, explanation)
    let bounds = Dictionary(uniqueKeysWithValues: entry.sites.map { ($0.name, $0.boundRatio) })
    #expect((bounds["x.attn_residual"] ?? 0) ?? 0 > 1)
    let rope = try #require(bounds["q.rope"] ?? nil)
    #expect(rope > 0 && rope <= 1)
  }
}
