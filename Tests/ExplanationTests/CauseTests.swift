import Model
import TestSupport
import Testing
import TraceFormat

@testable import Explanation

/// The catalogue of causes.
@Suite struct CauseTests {
  /// A cause without a planted fault could be wrong without anyone seeing it.
  @Test func everyCauseHasAFault() {
    let planted = Set(Fault.all.compactMap(\.causeID))
    let ids = Set(Catalogue.all.map(\.id))
    #expect(ids.subtracting(planted).sorted() == [])
    #expect(planted.subtracting(ids).sorted() == [])
  }

  @Test func alternativesAreListed() {
    #expect(alternativesText([]) == "")
    #expect(alternativesText(["a"]) == "a")
    #expect(alternativesText(["a", "b"]) == "a or b")
    #expect(alternativesText(["a", "b", "c"], last: "and") == "a, b and c")
    #expect(alternativesText(["a, with b", "c"]) == "a, with b; or c")
    #expect(alternativesText(["a", "b", "c", "d"], limit: 2) == "a, b or one of 2 more")
  }

  /// Several values of a parameter that fit equally are all told.
  @Test func allParametersThatFitAreNamed() throws {
    let fault = try #require(Fault.named("product-w2-first-layer"))
    let explanation = try RecallModel(.separateClassifier, .legacy).explain(FaultyOperations(fault))
    let title = try #require(explanation.faults.first?.causes.first?.title)
    let layers = "the layer before's; the next layer's, the last reading the first's; or layer 0's"
    #expect(title == "another layer's weights: \(layers)")
  }
}

/// What is no lower precision is not called so.
@Suite struct PrecisionHypothesisTests {
  @Test func inexactValuesAreNotRounded() {
    for format in NumberFormat.allCases {
      #expect(format.rounded(Estimate([1, 2], errors: [0, 1e-9])) == nil)
      #expect(format.rounded(Estimate([1 + 0x1p-20]))?.values == [1])
    }
  }

  @Test func storageProvesNoPrecision() {
    #expect(NumberFormat.bfloat16.holdsAll(of: .bfloat16) && !NumberFormat.bfloat16.holdsAll(of: .float16))
    #expect(NumberFormat.float16.holdsAll(of: .float16) && !NumberFormat.tensorFloat32.holdsAll(of: .float32))
  }

  /// A thousandth too much is a fault, also where the inputs were not recorded and are known to within a bound only.
  @Test func scaledResultOfUnrecordedInputsIsAFault() throws {
    let model = try TestModel.grouped.checkpoint()
    let explanation = try explain(ChangedActivation { $0 * 1.001 }, without: ["hb.w1", "hb2.w3"], model)
    let fault = try #require(explanation.faults.first)
    #expect(explanation.faults.map(\.site) == [.swiglu])
    #expect(fault.precision == nil && fault.causes.isEmpty && !fault.evidence.isEmpty)
  }

  /// Where a product's result is infinite no weights are searched for.
  @Test func infiniteResultsAreTold() throws {
    let model = try TestModel.grouped.checkpoint()
    let explanation = try explain(ChangedActivation { _ in .infinity }, without: [], model)
    let fault = try #require(explanation.faults.first { $0.site == .swiglu })
    #expect(fault.causes.isEmpty && fault.evidence.contains { $0.contains("infinite") }, "\(fault.evidence)")
  }

  private func explain<Ops: Operations>(
    _ operations: Ops, without names: Set<String>, _ model: borrowing Checkpoint
  ) throws -> Explanation {
    let folder = try TemporaryFolder()
    let path = folder.path("run.trace")
    let tokens = sampleTokens(count: 6, vocabularySize: model.configuration.vocabularySize)
    let plan = try RunPlan(model, precision: .float32, steps: tokens.count, input: .forced(tokens))
    let wanted = Site.all(quantized: false).map(\.rawValue).filter { !names.contains($0) }
    let filter = RecordFilter(names: wanted.map { NamePattern($0) })
    let selection = try RecordSelection(filter, plan, model: model)
    var recorder = try TraceRecorder(
      path: path, producer: "test 1", plan: plan, selection: selection, model: model, tokenizer: nil)
    _ = try run(plan, operations, model: model, tokenizer: nil, observer: &recorder, print: { _ in })
    _ = try recorder.finish()
    let weights = ModelWeights(try TestModel.grouped.checkpoint())
    return try Explainer(RecordedTensors(try TraceFile(path: path)), model: weights).explain()
  }
}

/// llama2.c's operations with SwiGLU's results changed.
private struct ChangedActivation: Operations {
  let change: @Sendable (Float) -> Float

  func perform(_ site: Site, layer: Int, _ s: inout ForwardState<Float>, _ model: borrowing Checkpoint) {
    Llama2Operations<Float>().perform(site, layer: layer, &s, model)
    guard site == .swiglu else { return }
    for row in 0..<s.count {
      var elements = s.hb.mutableRow(row)
      for i in elements.indices { elements[i] = change(elements[i]) }
    }
  }
}
