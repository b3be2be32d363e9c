public import TraceFormat

/// What a run came to.
public struct RunResult: Hashable, Sendable {
  /// The input token of each position.
  public var tokens: [Int]
  /// The token chosen after the last position of a generated run.
  public var next: Int?
}

/// Runs a plan, position by position (llama2.c `generate`).
///
/// After each position of a generated run the next token is printed, tokens of the prompt included; the run ends, and
/// prints nothing, when the next token is 1. A forced run prints the text of its tokens, except a BOS at the start. Without a
/// tokenizer nothing is printed. The closing newline is the caller's. Text is printed when the observer has settled its
/// position, which may be a block later.
///
/// - Parameters:
///   - observer: sees every tensor.
///   - print: gets the bytes of each token.
///   - progress: called after each position with the number of positions done.
/// - Throws: what the observer throws.
public func run<Observer: ForwardObserver & ~Copyable>(
  _ plan: RunPlan, model: borrowing Checkpoint, tokenizer: Tokenizer?, observer: inout Observer,
  print: ([UInt8]) -> Void, progress: (Int) -> Void = { _ in }
) throws(Observer.Failure) -> RunResult {
  try dispatch(plan, model, tokenizer, &observer, print, progress)
}

/// Runs a plan that nobody observes: compiled for that, without a trace of an observer.
public func run(
  _ plan: RunPlan, model: borrowing Checkpoint, tokenizer: Tokenizer?, print: ([UInt8]) -> Void,
  progress: (Int) -> Void = { _ in }
) -> RunResult {
  var nobody = NoObserver()
  return dispatch(plan, model, tokenizer, &nobody, print, progress)
}

/// Runs a plan and records it: compiled for that.
public func run(
  _ plan: RunPlan, model: borrowing Checkpoint, tokenizer: Tokenizer?, observer: inout TraceRecorder,
  print: ([UInt8]) -> Void, progress: (Int) -> Void = { _ in }
) throws(TraceError) -> RunResult {
  try dispatch(plan, model, tokenizer, &observer, print, progress)
}

/// Chooses the arithmetic.
private func dispatch<Observer: ForwardObserver & ~Copyable>(
  _ plan: RunPlan, _ model: borrowing Checkpoint, _ tokenizer: Tokenizer?, _ observer: inout Observer,
  _ print: ([UInt8]) -> Void, _ progress: (Int) -> Void
) throws(Observer.Failure) -> RunResult {
  let threads = plan.threads
  switch (plan.precision, model.isQuantized) {
  case (.float32, false):
    return try run(
      plan, Llama2Operations<Float>(threads: threads), model: model, tokenizer: tokenizer, observer: &observer,
      print: print, progress: progress)
  case (.float32, true):
    return try run(
      plan, QuantizedOperations(threads: threads), model: model, tokenizer: tokenizer, observer: &observer,
      print: print, progress: progress)
  case (.float64, _):
    return try run(
      plan, Llama2Operations<Double>(threads: threads), model: model, tokenizer: tokenizer, observer: &observer,
      print: print, progress: progress)
  }
}

/// Runs a plan with given operations: planted faults and other variants come in here.
public func run<Ops: Operations, Observer: ForwardObserver & ~Copyable>(
  _ plan: RunPlan, _ operations: Ops, model: borrowing Checkpoint, tokenizer: Tokenizer?, observer: inout Observer,
  print: ([UInt8]) -> Void, progress: (Int) -> Void = { _ in }
) throws(Observer.Failure) -> RunResult {
  var transformer = Transformer(
    model, operations: operations, capacity: plan.steps, quantized: plan.isQuantized(model))
  var queue = PrintQueue()
  switch plan.input {
  case .forced(let tokens):
    var previous: Int?
    for (position, token) in tokens.prefix(plan.steps).enumerated() {
      try transformer.forward([token], at: position, model: model, observer: &observer)
      if let tokenizer, position > 0 || token != Tokenizer.beginning {
        queue.add(tokenizer.text(of: token, after: previous), after: position)
      }
      queue.print(settled: observer.settledPositions, print)
      previous = token
      progress(position + 1)
    }
    try observer.settle()
    queue.print(settled: observer.settledPositions, print)
    return RunResult(tokens: Array(tokens.prefix(plan.steps)), next: nil)

  case .prompt(_, let prompt, let sampling):
    var sampler = Sampler(
      temperature: sampling.temperature, topP: sampling.topP, seed: UInt64(bitPattern: sampling.seed))
    var result = RunResult(tokens: [], next: nil)
    var token = prompt[0]
    for position in 0..<plan.steps {
      try transformer.forward([token], at: position, model: model, observer: &observer)
      result.tokens.append(token)
      progress(position + 1)
      let next: Int
      if position + 1 < prompt.count {
        next = prompt[position + 1]
      } else {
        let logits = transformer.state.logits.row(0)
        var values: [Float] = []
        values.reserveCapacity(logits.count)
        for index in 0..<logits.count { values.append(Float(logits[index])) }
        next = sampler.sample(&values)
      }
      result.next = next
      if next == Tokenizer.beginning { break }
      if let tokenizer { queue.add(tokenizer.text(of: next, after: token), after: position) }
      queue.print(settled: observer.settledPositions, print)
      token = next
    }
    try observer.settle()
    queue.print(settled: observer.settledPositions, print)
    return result
  }
}
