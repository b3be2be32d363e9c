package import Model
package import TraceFormat

/// Traces forced tokens with given operations to a file.
package func trace<Ops: Operations>(
  _ model: borrowing Checkpoint, _ operations: Ops, tokens: [Int], to path: String,
  precision: RunPlan.Precision = .float32, filter: RecordFilter = RecordFilter()
) throws {
  let plan = try RunPlan(model, precision: precision, steps: tokens.count, input: .forced(tokens))
  let selection = try RecordSelection(filter, plan, model: model)
  var recorder = try TraceRecorder(
    path: path, producer: "test 1", plan: plan, selection: selection, model: model, tokenizer: nil)
  _ = try run(plan, operations, model: model, tokenizer: nil, observer: &recorder, print: { _ in })
  _ = try recorder.finish()
}
