import Foundation
import Model
import TestSupport
import Testing
import TraceComparison
import TraceFormat
import TraceSources

@testable import Explanation

/// Traces that are not one file, and files that change while they are explained.
@Suite struct TraceFormsTests {
  private func report(_ tensors: RecordedTensors) throws -> String {
    let model = ModelWeights(try TestModel.grouped.checkpoint())
    return ExplanationReport(try Explainer(tensors, model: model).explain(), path: "trace", modelPath: "model").text
  }

  /// A trace in parts is explained as the whole is, a fault in one of them included.
  @Test(arguments: [nil, "swiglu-sigmoid"])
  func inParts(fault: String?) throws {
    let folder = try TemporaryFolder()
    let checkpoint = try TestModel.grouped.checkpoint()
    let operations = FaultyOperations(try fault.map { [try #require(Fault.named($0))] } ?? [], quantized: false)
    let tokens = sampleTokens(count: 20, vocabularySize: checkpoint.configuration.vocabularySize)
    let filters = [
      "whole": RecordFilter(), "early": RecordFilter(positions: IndexRange(parsing: "..8")),
      "late": RecordFilter(positions: IndexRange(parsing: "9..")),
    ]
    for (name, filter) in filters {
      try trace(checkpoint, operations, tokens: tokens, to: folder.path(name), filter: filter)
    }
    let whole = try report(RecordedTensors(TraceFile(path: folder.path("whole"))))
    let parts = try TraceParts(paths: [folder.path("late"), folder.path("early")])
    #expect(try report(RecordedTensors(.parts(parts))) == whole)
    #expect(whole.hasPrefix(fault == nil ? "rounding" : "fault"))
  }

  /// A record that was read and cannot be read again is a problem, and what is computed from it is unchecked.
  @Test(arguments: ["head", "shape"])
  func aRecordThatIsLost(change: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("run.trace")
    let checkpoint = try TestModel.grouped.checkpoint()
    let tokens = sampleTokens(count: 80, vocabularySize: checkpoint.configuration.vocabularySize)
    try trace(checkpoint, Llama2Operations<Float>(), tokens: tokens, to: path)
    let file = try TraceFile(path: path)
    let key = RecordKey(.keyRotation, layer: 1, position: 5)
    let place = try #require((0..<file.recordCount).first { file.key(at: $0) == key })
    let offset = UInt64(file.entry(at: place).offset)
    // No longer a record; or one of 15 elements, which takes as many bytes with its padding.
    let changes: [(place: UInt64, byte: UInt8)] = change == "head" ? [(0, 0x58)] : [(24, 60), (32, 15)]

    let model = ModelWeights(try TestModel.grouped.checkpoint())
    var isChanged = false
    let explanation = try Explainer(RecordedTensors(file), model: model).explain { done, _ in
      guard !isChanged else { return }
      isChanged = true
      guard let handle = FileHandle(forUpdatingAtPath: path) else { return }
      for (place, byte) in changes {
        try? handle.seek(toOffset: offset + place)
        try? handle.write(contentsOf: Data([byte]))
      }
      try? handle.close()
    }
    #expect(isChanged && explanation.verdict == .unchecked && explanation.faults.isEmpty)
    let problem = "\(key) was read once and cannot be read again: the file has been changed since"
    #expect(explanation.problems.entries == [problem])
    let scores = try #require(explanation.unchecked.first { $0.name == .site(.attentionScores) })
    #expect(scores.reason == "k.rope of an earlier position is not there and cannot be computed from what is")
    #expect(scores.layers == [1] && scores.positions == 64...79)
  }
}
