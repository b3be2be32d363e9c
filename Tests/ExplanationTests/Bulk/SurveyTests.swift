import Model
import Synthesis
import TestSupport
import Testing
import TraceFormat
import TraceSources

@testable import Explanation

/// Surveying many positions at once hands over what replaying block by block does, in the same order.
@Suite struct SurveyTests {
  /// What is handed over of a record.
  private struct Item: Equatable {
    let key: RecordKey
    let text: String
  }

  private func items(_ path: String, _ model: ModelWeights, quantized: Bool, _ limits: TraceReplay.Limits) throws
    -> [Item]
  {
    let tensors = try RecordedTensors(TraceFile(path: path))
    var replay = TraceReplay(
      ReplayModel(
        tensors: tensors, weights: model, isQuantized: quantized, epsilon: Constants.normEpsilon,
        base: Constants.ropeBase, tokens: tensors.trace.tokens.mapValues(\.id)), limits: limits)
    var items: [Item] = []
    replay.run { key, outcome in
      let text =
        switch outcome {
        case .rounding(let finding): "rounding \(finding.judgement)"
        case .replayed(let finding, let context):
          "\(finding.judgement.isRounding) \(finding.judgement) \(context.cache.count) \(context.expected.count)"
        case .unchecked(let reason): reason
        case .malformed(let reason, let detail): reason + detail
        }
      items.append(Item(key: key, text: text))
    }
    return items
  }

  private static var limits: [TraceReplay.Limits] {
    [
      TraceReplay.Limits(), TraceReplay.Limits(surveySize: 24), TraceReplay.Limits(surveySize: 16, partBytes: 1),
      TraceReplay.Limits(surveyBytes: 32 * 2 * 400 * 8),
    ]
  }

  /// Honest traces, and one in which one operation is wrong.
  @Test(arguments: [CheckpointVersion.legacy, .int8], [nil, "swiglu-sigmoid", "rope-split-half"])
  func everyLimit(version: CheckpointVersion, fault: String?) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("run.trace")
    let checkpoint = try TestModel.grouped.checkpoint(version)
    let faults = try fault.map { [try #require(Fault.named($0))] } ?? []
    let tokens = sampleTokens(count: 70, vocabularySize: checkpoint.configuration.vocabularySize)
    let isQuantized = checkpoint.isQuantized
    try trace(checkpoint, FaultyOperations(faults, quantized: isQuantized), tokens: tokens, to: path)
    let model = ModelWeights(try TestModel.grouped.checkpoint(version))
    let expected = try items(path, model, quantized: isQuantized, TraceReplay.Limits(surveySize: 8))
    #expect(expected.count == 70 * (isQuantized ? 2 + 3 + 3 * 25 : 3 + 3 * 17))
    #expect(expected.contains { $0.text.hasPrefix("false") } == (fault != nil))
    for limits in Self.limits {
      #expect(try items(path, model, quantized: isQuantized, limits) == expected, "\(limits)")
    }
  }

  /// Traces of some positions, whose tokens go on behind the last record; of some layers; of some sites.
  @Test(arguments: [
    RecordFilter(positions: IndexRange(first: 3, last: 20)), RecordFilter(positions: IndexRange(first: 30)),
    RecordFilter(layers: IndexRange(first: 1, last: 1)),
    RecordFilter(names: ["x.embed", "x.attn_residual", "logits"].map { NamePattern($0) }),
  ])
  func partsOfTraces(filter: RecordFilter) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("run.trace")
    let checkpoint = try TestModel.grouped.checkpoint()
    let tokens = sampleTokens(count: 40, vocabularySize: checkpoint.configuration.vocabularySize)
    try trace(checkpoint, FaultyOperations([]), tokens: tokens, to: path, filter: filter)
    let model = ModelWeights(try TestModel.grouped.checkpoint())
    let expected = try items(path, model, quantized: false, TraceReplay.Limits(surveySize: 8))
    #expect(!expected.isEmpty)
    for limits in Self.limits {
      #expect(try items(path, model, quantized: false, limits) == expected, "\(limits)")
    }
  }

  /// Records and tokens missing, damaged and misshapen here and there.
  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func tracesWithHoles(seed: UInt64) throws {
    let folder = try TemporaryFolder()
    let whole = folder.path("whole.trace")
    let checkpoint = try TestModel.grouped.checkpoint()
    let tokens = sampleTokens(count: 50, vocabularySize: checkpoint.configuration.vocabularySize)
    try trace(checkpoint, FaultyOperations([]), tokens: tokens, to: whole)
    let model = ModelWeights(try TestModel.grouped.checkpoint())
    var damaged = try folder.read("whole.trace")
    var generator = SplitMix(seed: seed)
    // Chunks of records begin with TENS; a hole is a record whose kind is destroyed, or whose payload is.
    for start in stride(from: 0, to: damaged.count - 64, by: 64)
    where damaged[start..<(start + 4)] == [84, 69, 78, 83] {
      switch Int.random(in: 0..<(seed == 4 ? 4 : 60), using: &generator) {
      case 0: damaged[start] ^= 1
      case 1: damaged[start + 40] ^= 1
      default: break
      }
    }
    let path = try folder.write(damaged, as: "damaged.trace")
    let expected = try items(path, model, quantized: false, TraceReplay.Limits(surveySize: 8))
    #expect(expected.contains { !$0.text.hasPrefix("rounding") }, "seed \(seed)")
    for limits in Self.limits {
      #expect(try items(path, model, quantized: false, limits) == expected, "\(limits), seed \(seed)")
    }
  }
}
