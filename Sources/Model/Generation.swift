public import TraceFormat

/// What a run came to.
public struct RunResult: Hashable, Sendable {
  /// The input token of each position.
  public var tokens: [Int]
  /// The token chosen after the last position of a generated run.
  public var next: Int?
}

/// Runs a plan (llama2.c `generate`): positions whose tokens are known beforehand in blocks, the others one by one.
///
/// After each position of a generated run the next token is printed, tokens of the prompt included; the run ends, and
/// prints nothing, when the next token is 1. A forced run prints the text of its tokens, except a BOS at the start.
/// Without a tokenizer nothing is printed. The closing newline is the caller's.
///
/// - Parameters:
///   - observer: sees every tensor.
///   - print: gets the bytes of each token once its position is settled.
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
  let team = plan.team
  switch (plan.precision, model.isQuantized) {
  case (.float32, false):
    return try run(
      plan, Llama2Operations<Float>(team), blockSize: plan.blockSize, model: model, tokenizer: tokenizer,
      observer: &observer, print: print, progress: progress)
  case (.float32, true):
    return try run(
      plan, QuantizedOperations(team), blockSize: plan.blockSize, model: model, tokenizer: tokenizer,
      observer: &observer, print: print, progress: progress)
  case (.float64, _):
    return try run(
      plan, Llama2Operations<Double>(team), blockSize: plan.blockSize, model: model, tokenizer: tokenizer,
      observer: &observer, print: print, progress: progress)
  }
}

/// Runs a plan with given operations: planted faults and other variants come in here.
///
/// - Parameter blockSize: the most positions that go through the model together; only those whose tokens are known
///   before the run can.
public func run<Ops: Operations, Observer: ForwardObserver & ~Copyable>(
  _ plan: RunPlan, _ operations: Ops, blockSize: Int = 1, model: borrowing Checkpoint, tokenizer: Tokenizer?,
  observer: inout Observer, print: ([UInt8]) -> Void, progress: (Int) -> Void = { _ in }
) throws(Observer.Failure) -> RunResult {
  let known = plan.knownTokens
  let blockSize = min(blockSize, known.count)
  var transformer = Transformer(
    model, operations: operations, capacity: plan.steps, blockSize: blockSize, quantized: plan.isQuantized(model))
  var continuation = Continuation(plan.input)
  var queue = PrintQueue()
  var result = RunResult(tokens: [], next: nil)
  var block = known.prefix(blockSize)
  while !block.isEmpty {
    let position = result.tokens.count
    try transformer.forward(Array(block), at: position, model: model, observer: &observer)
    for (r, token) in block.enumerated() {
      let previous = result.tokens.last
      result.tokens.append(token)
      progress(position + r + 1)
      guard continuation.isGenerated else {
        let isStart = previous == nil && token == Tokenizer.beginning
        if let tokenizer, !isStart { queue.add(tokenizer.text(of: token, after: previous), after: position + r) }
        continue
      }
      let next = continuation.token(at: position + r + 1, logits: transformer.state.logits.row(r))
      result.next = next
      if next == Tokenizer.beginning { break }
      if let tokenizer { queue.add(tokenizer.text(of: next, after: token), after: position + r) }
    }
    queue.print(settled: observer.settledPositions, print)
    let done = result.tokens.count
    block = known.dropFirst(done).prefix(blockSize)
    if block.isEmpty, done < plan.steps, let next = result.next, next != Tokenizer.beginning { block = [next] }
  }
  try observer.settle()
  queue.print(settled: observer.settledPositions, print)
  return result
}

/// How the tokens of a run go on.
private struct Continuation {
  private let tokens: [Int]
  private var sampler: Sampler?

  init(_ input: RunPlan.Input) {
    tokens = input.tokens
    if case .prompt(_, _, let sampling) = input {
      let seed = UInt64(bitPattern: sampling.seed)
      sampler = Sampler(temperature: sampling.temperature, topP: sampling.topP, seed: seed)
    }
  }

  /// Whether tokens follow from logits where the prompt has ended, and text is that of the next token.
  var isGenerated: Bool { sampler != nil }

  /// The token of a position: the prompt's, or one sampled from the logits of the position before.
  mutating func token<Scalar: Real>(at position: Int, logits: Span<Scalar>) -> Int {
    if position < tokens.count { return tokens[position] }
    var values = [Float](repeating: 0, count: logits.count)
    for index in 0..<logits.count { values[index] = Float(logits[index]) }
    guard let next = sampler?.sample(&values) else { preconditionFailure("forced tokens are not sampled") }
    return next
  }
}
