package import Explanation
package import Model
import Synchronization
package import TraceFormat

/// A model in which faults are planted.
package final class RecallModel: Sendable {
  /// What reports call it.
  package let name: String
  /// Its weights.
  package let weights: ModelWeights
  /// Its sizes.
  package let sizes: Configuration
  /// Quantization group size; nil for float32.
  package let groupSize: Int?
  private let checkpoint: Checkpoint
  private let tokens: [Int]

  /// A model of a number of positions.
  ///
  /// - Parameter open: opens the checkpoint.
  package init(_ name: String, positions: Int = 12, _ open: () throws -> Checkpoint) throws {
    self.name = name
    checkpoint = try open()
    sizes = checkpoint.configuration
    groupSize = checkpoint.groupSize
    tokens = sampleTokens(count: positions, vocabularySize: sizes.vocabularySize)
    weights = ModelWeights(try open())
  }

  /// A test model.
  package convenience init(_ model: TestModel, _ version: CheckpointVersion, positions: Int = 12) throws {
    let kind = version == .int8 ? "int8" : "float32"
    let bytes = try Self.bytes(model, version)
    try self.init("\(model.rawValue) \(kind)", positions: positions) {
      try Checkpoint(MappedFile(copying: bytes, name: model.rawValue))
    }
  }

  /// The files of the test models, each made once: without optimisation that takes longer than explaining.
  private static let files = Mutex<[String: [UInt8]]>([:])

  private static func bytes(_ model: TestModel, _ version: CheckpointVersion) throws -> [UInt8] {
    let name = "\(model.rawValue) \(version)"
    if let bytes = files.withLock({ $0[name] }) { return bytes }
    let bytes = try model.bytes(version)
    files.withLock { $0[name] = bytes }
    return bytes
  }

  /// The faults of a list that compute something else than llama2.c does in this model.
  package func applicable(_ faults: [Fault]) -> [Fault] {
    faults.filter { $0.applies(to: sizes, groupSize: groupSize) }
  }

  /// Explains a run with the given operations.
  package func explain<Ops: Operations>(_ operations: Ops) throws -> Explanation {
    let folder = try TemporaryFolder()
    try trace(checkpoint, operations, tokens: tokens, to: folder.path("run.trace"))
    return try explain(folder.path("run.trace"))
  }

  private func explain(_ path: String) throws -> Explanation {
    try Explainer(RecordedTensors(TraceFile(path: path)), model: weights).explain()
  }

  /// What an explanation makes of a fault that was planted alone.
  package func outcome(_ fault: Fault) throws -> RecallOutcome { try outcome([fault]) }

  /// What an explanation makes of faults that were planted together.
  package func outcome(_ faults: [Fault]) throws -> RecallOutcome { try outcome(faults, answer: nil, places: faults) }

  /// Judges an answer as if it were the explanation of a run with planted faults.
  ///
  /// - Parameters:
  ///   - answer: the explanation; nil to explain the run.
  ///   - planted: the faults that the run has, if not those that are asked for.
  package func outcome(
    _ faults: [Fault], answer: Explanation?, places planted: [Fault]? = nil
  ) throws -> RecallOutcome {
    let folder = try TemporaryFolder()
    let path = folder.path("run.trace")
    let operations = FaultyOperations(planted ?? faults, quantized: groupSize != nil)
    try trace(checkpoint, operations, tokens: tokens, to: path)
    let places = try places(Set(faults.flatMap(\.sites)), path)
    return RecallOutcome(faults, try answer ?? explain(path), places: places)
  }

  /// The greatest ratio of error to bound of each site of llama2.c's own run, by the second judge.
  package func honestRatios() throws -> [Site: Double] {
    let folder = try TemporaryFolder()
    let path = folder.path("run.trace")
    try trace(checkpoint, FaultyOperations([], quantized: groupSize != nil), tokens: tokens, to: path)
    return try places(Set(Site.all(quantized: groupSize != nil)), path).mapValues(\.ratio)
  }

  private func places(_ sites: Set<Site>, _ path: String) throws -> [Site: IndependentJudge.Place] {
    let judge = try IndependentJudge(path: path)
    return try Dictionary(uniqueKeysWithValues: sites.map { ($0, try judge.place(of: $0, checkpoint)) })
  }
}

/// How an explanation did on planted faults.
///
/// A fault's place is, at each site that it computes, the first record that it moves beyond the bound of rounding: in
/// which an element differs from the operation's exact result, on the inputs that the faulty run itself recorded, by
/// more than the bound of `docs/rounding.md`. Both come from `IndependentJudge`, a second implementation in plain
/// loops; neither the explainer's answer nor a tolerance has a part in it. Since the inputs are those of the faulty
/// run, the rule is the same for a fault in another's company.
///
/// The explanation must name exactly these sites, each with exactly this layer and position, and no other site. A fault
/// without a place can be told from rounding by nobody and is counted apart; in a pair, the other fault may hide it.
package struct RecallOutcome: Sendable {
  /// The answer.
  package enum Result: String, Sendable, CaseIterable {
    /// At exactly the right places, and the true cause of each fault is among those named.
    case named
    /// At exactly the right places, and a fault has no name.
    case located
    /// At exactly the right places, with names of which none is true.
    case misnamed
    /// Not found, found elsewhere, or found with other operations that are right.
    case missed
    /// One of the faults moves no record beyond its bound; what the others move is at exactly the right places.
    case invisible
  }

  /// The faults.
  package let faults: [Fault]
  /// The answer.
  package let result: Result
  /// Whether names are asked for: faults that share an operation need locating only.
  package let isNamable: Bool
  /// What was found, for whoever looks into a miss.
  package let description: String
  /// The greatest ratio of error to bound at the sites of the fault that shows least, up to its place.
  package let ratio: Double

  /// Judges an explanation.
  ///
  /// - Parameter judged: what the second judge says of each of the faults' sites.
  init(_ faults: [Fault], _ explanation: Explanation, places judged: [Site: IndependentJudge.Place]) {
    self.faults = faults
    let places = judged.compactMapValues(\.first)
    ratio = faults.map { fault in fault.sites.compactMap { judged[$0]?.ratio }.max() ?? 0 }.min() ?? 0
    isNamable = Set(faults.flatMap(\.sites)).count == faults.reduce(0) { $0 + $1.sites.count }
    description = Self.description(explanation, places)
    let found = Dictionary(uniqueKeysWithValues: explanation.faults.map { ($0.site, $0.first.key) })
    guard found == places else {
      result = .missed
      return
    }
    guard faults.allSatisfy({ fault in fault.sites.contains { places[$0] != nil } }) else {
      result = .invisible
      return
    }
    guard isNamable else {
      result = .located
      return
    }
    // One answer per faulty site: whether it has names, and whether the true one is among them.
    let answers = explanation.faults.map { answer in
      let cause = faults.first { $0.sites.contains(answer.site) }?.causeID
      return (isEmpty: answer.causes.isEmpty, isTrue: answer.causes.contains { $0.id == cause })
    }
    if answers.allSatisfy(\.isTrue) {
      result = .named
    } else {
      result = answers.allSatisfy { $0.isEmpty || $0.isTrue } ? .located : .misnamed
    }
  }

  private static func description(_ explanation: Explanation, _ places: [Site: RecordKey]) -> String {
    let found = explanation.faults.map { fault in
      let words = fault.causes.map(\.id) + [fault.precision].compactMap(\.self) + fault.evidence
      return "\(fault.first.key) (\(words.joined(separator: "; ")))"
    }
    let planted = places.values.sorted().map(\.description)
    return "planted: \(planted.joined(separator: " | ")); found: \(found.joined(separator: " | "))"
  }
}
