/// What a run computes: its arithmetic, how many positions, and where its tokens come from.
public struct RunPlan: Sendable {
  /// The arithmetic of the activations.
  public enum Precision: String, CaseIterable, Sendable {
    /// llama2.c's `run`, or `runq` for an int8 checkpoint.
    case float32 = "f32"
    /// Every value float64; int8 weights are dequantized and activations are not quantized.
    case float64 = "f64"
  }

  /// Where tokens come from.
  public enum Input: Sendable {
    /// The tokens of a prompt, BOS first, then sampled ones.
    case prompt(text: [UInt8], tokens: [Int], Sampling)
    /// Exactly these, whatever the logits say (teacher forcing).
    case forced([Int])

    /// The tokens that are known before the run.
    public var tokens: [Int] {
      switch self {
      case .prompt(_, let tokens, _): tokens
      case .forced(let tokens): tokens
      }
    }
  }

  /// How tokens after the prompt are chosen.
  public struct Sampling: Hashable, Sendable {
    /// 0 is greedy.
    public var temperature: Float
    /// Probability mass that is kept.
    public var topP: Float
    /// The generator's seed; not 0.
    public var seed: Int64

    /// Sampling options.
    public init(temperature: Float, topP: Float, seed: Int64) {
      self.temperature = temperature
      self.topP = topP
      self.seed = seed
    }
  }

  /// The arithmetic.
  public let precision: Precision
  /// Number of positions at most; a generated run can end earlier, at token 1.
  public let steps: Int
  /// The tokens.
  public let input: Input
  /// Threads that share the work of a site, and the vector unit they use; the bits do not depend on them.
  package let team: ThreadTeam
  /// The most positions that go through the model together.
  let blockSize: Int

  /// A plan.
  ///
  /// - Throws: `RunPlanError` when the model cannot run it.
  public init(
    _ model: borrowing Checkpoint, precision: Precision, steps: Int, input: Input, threads: Int = 1
  ) throws(RunPlanError) {
    try self.init(model, precision: precision, steps: steps, input: input, team: ThreadTeam(threads: threads))
  }

  /// A plan for a team of threads.
  ///
  /// - Throws: `RunPlanError` when the model cannot run it.
  package init(
    _ model: borrowing Checkpoint, precision: Precision, steps: Int, input: Input, team: ThreadTeam
  ) throws(RunPlanError) {
    let sizes = model.configuration
    guard steps <= sizes.sequenceLength else {
      throw .tooManyPositions(found: steps, sequenceLength: sizes.sequenceLength)
    }
    let tokens = input.tokens
    guard !tokens.isEmpty, steps > 0 else { throw .noTokens }
    for (position, token) in tokens.prefix(steps).enumerated() where !(0..<sizes.vocabularySize).contains(token) {
      throw .tokenOutsideVocabulary(token: token, position: position, vocabularySize: sizes.vocabularySize)
    }
    self.precision = precision
    if case .forced = input {
      self.steps = min(steps, tokens.count)
    } else {
      self.steps = steps
    }
    self.input = input
    self.team = team
    let scalarSize = precision == .float32 ? 4 : 8
    let groupSize = precision == .float32 ? model.groupSize : nil
    let known = Self.knownTokens(of: input, steps: self.steps).count
    blockSize = min(
      known,
      ForwardMemory.blockSize(model, capacity: self.steps, scalarSize: scalarSize, groupSize: groupSize))
    // The greatest block of memory is refused here, in words, instead of inside the run.
    let bytes = ForwardMemory.byteCount(
      sizes, capacity: self.steps, blockSize: blockSize, scalarSize: scalarSize, groupSize: groupSize)
    guard let bytes, ForwardMemory.isAvailable(bytes) else { throw .outOfMemory(positions: self.steps, needed: bytes) }
  }

  /// The tokens that the run has for certain, from position 0: forced ones, or those of the prompt up to the token that
  /// ends a generated run.
  var knownTokens: ArraySlice<Int> { Self.knownTokens(of: input, steps: steps) }

  private static func knownTokens(of input: Input, steps: Int) -> ArraySlice<Int> {
    let tokens = input.tokens.prefix(steps)
    guard case .prompt = input, let end = tokens.dropFirst().firstIndex(of: Tokenizer.beginning) else { return tokens }
    return tokens[..<end]
  }

  /// Whether activations of this run are quantized.
  public func isQuantized(_ model: borrowing Checkpoint) -> Bool { model.isQuantized && precision == .float32 }

  /// What a trace's header calls the arithmetic.
  public func precisionName(_ model: borrowing Checkpoint) -> String {
    isQuantized(model) ? "int8" : precision.rawValue
  }
}

/// Why a model cannot run a plan.
public enum RunPlanError: Error, Equatable, Sendable {
  /// More positions than the model's context.
  case tooManyPositions(found: Int, sequenceLength: Int)
  /// A token that the model does not have.
  case tokenOutsideVocabulary(token: Int, position: Int, vocabularySize: Int)
  /// No tokens or no positions.
  case noTokens
  /// The buffers do not fit into memory. `needed` is their size in bytes; nil where it exceeds 2^63.
  case outOfMemory(positions: Int, needed: Int?)
}

extension RunPlanError: CustomStringConvertible {
  /// One line in lower case.
  public var description: String {
    switch self {
    case .tooManyPositions(let found, let length):
      "\(found) positions are more than the model's context of \(length)"
    case .tokenOutsideVocabulary(let token, let position, let size):
      "token \(token) at position \(position) is outside the vocabulary of \(size)"
    case .noTokens: "there is no token to run"
    case .outOfMemory(let positions, let needed):
      "out of memory: \(positions) positions need \(needed.map { "\($0)" } ?? "more than 2^63") bytes"
    }
  }
}
