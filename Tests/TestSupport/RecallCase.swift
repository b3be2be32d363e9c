package import Explanation
package import Model
import TraceFormat

/// A model in which faults are planted, and the same model computed rightly.
package final class RecallModel: Sendable {
  /// What reports call it.
  package let name: String
  /// Its weights.
  package let weights: ModelWeights
  /// Its sizes.
  package let sizes: Configuration
  /// Quantization group size; nil for float32.
  package let groupSize: Int?
  private let open: @Sendable () throws -> Checkpoint
  private let tokens: [Int]
  private let honest: Recording

  /// A model of a number of positions.
  ///
  /// - Parameter open: opens the checkpoint; called for every run.
  package init(_ name: String, positions: Int = 12, _ open: @escaping @Sendable () throws -> Checkpoint) throws {
    self.name = name
    self.open = open
    let model = try open()
    sizes = model.configuration
    groupSize = model.groupSize
    tokens = sampleTokens(count: positions, vocabularySize: sizes.vocabularySize)
    weights = ModelWeights(try open())
    var recording = Recording()
    let plan = try RunPlan(model, precision: .float32, steps: tokens.count, input: .forced(tokens))
    _ = run(
      plan, FaultyOperations([], quantized: groupSize != nil), model: model, tokenizer: nil, observer: &recording,
      print: { _ in })
    honest = recording
  }

  /// A test model.
  package convenience init(_ model: TestModel, _ version: CheckpointVersion, positions: Int = 12) throws {
    let kind = version == .int8 ? "int8" : "float32"
    try self.init("\(model.rawValue) \(kind)", positions: positions) { try model.checkpoint(version) }
  }

  /// Explains a run with the given operations.
  package func explain<Ops: Operations>(_ operations: Ops) throws -> Explanation {
    let folder = try TemporaryFolder()
    try trace(try open(), operations, tokens: tokens, to: folder.path("run.trace"))
    let file = try TraceFile(path: folder.path("run.trace"))
    return try Explainer(RecordedTensors(file), model: weights).explain()
  }

  /// What an explanation makes of a fault that was planted alone.
  package func outcome(_ fault: Fault) throws -> RecallOutcome {
    let model = try open()
    var faulty = Recording()
    let plan = try RunPlan(model, precision: .float32, steps: tokens.count, input: .forced(tokens))
    _ = run(
      plan, FaultyOperations(fault, quantized: groupSize != nil), model: model, tokenizer: nil, observer: &faulty,
      print: { _ in })
    let explanation = try explain(FaultyOperations(fault, quantized: groupSize != nil))
    return RecallOutcome(fault, explanation, changes: changes(fault, faulty))
  }

  /// The records of the fault's sites up to the first that it moves visibly, each with how far: relative to the tensor's rms.
  ///
  /// Up to the first record that it changes, both runs compute the same; so the difference there is the fault's own.
  private func changes(_ fault: Fault, _ faulty: Recording) -> (key: RecordKey, size: Double)? {
    for key in honest.order {
      guard let right = honest.records[key], let wrong = faulty.records[key], right != wrong else { continue }
      let difference = zip(right, wrong).map { abs($0 - $1) }.max() ?? 0
      let rms = (right.reduce(0) { $0 + $1 * $1 } / Double(max(right.count, 1))).squareRoot()
      return (key, rms > 0 ? difference / rms : .infinity)
    }
    return nil
  }
}

/// How an explanation did on one planted fault.
package struct RecallOutcome: Sendable {
  /// The answer.
  package enum Result: String, Sendable, CaseIterable {
    /// At exactly the right place, and the true cause is among those named.
    case named
    /// At exactly the right place, without a name.
    case located
    /// At exactly the right place, with names of which none is true.
    case misnamed
    /// Not found, found elsewhere, or found with other operations that are right.
    case missed
    /// It moves no record beyond its bound, so that it cannot be told from rounding.
    case invisible
  }

  /// The fault.
  package let fault: Fault
  /// The answer.
  package let result: Result
  /// What was found, for whoever looks into a miss.
  package let description: String
  /// The greatest ratio at the fault's sites.
  package let ratio: Double

  /// Judges an explanation.
  ///
  /// - Parameter changes: the first record that the fault changes, and how far relative to its rms.
  init(_ fault: Fault, _ explanation: Explanation, changes: (key: RecordKey, size: Double)?) {
    self.fault = fault
    let found = explanation.faults
    let names = found.map {
      "\($0.site.rawValue): \($0.causes.map(\.id).joined(separator: "|"))\($0.precision ?? "") \($0.evidence.joined(separator: "; "))"
    }
    description =
      "first \(found.first.map { "\($0.first.key)" } ?? "none"); changed \(changes.map { "\($0.key) by \($0.size)" } ?? "nothing"); \(names.joined(separator: ", "))"
    ratio =
      fault.sites.compactMap { site in
        explanation.faults.first { $0.site == site }?.first.judgement.ratio
          ?? explanation.sites[site]?.worst?.judgement.ratio
      }.max() ?? 0
    let isElsewhere = found.contains { !fault.sites.contains($0.site) }
    guard let first = found.first, !isElsewhere else {
      // What moves a record by more than any rounding at these lengths must be found.
      let isSmall = (changes?.size ?? 0) < 1e-5
      result = isElsewhere || !isSmall ? .missed : .invisible
      return
    }
    guard let changes,
      Self.isSamePlace(first.first.key, changes.key, fault)
        || (changes.key < first.first.key && changes.size < 1e-5)
    else {
      result = .missed
      return
    }
    let named = found.map { fault in fault.causes.map(\.id) }
    if named.allSatisfy(\.isEmpty) {
      result = .located
    } else if let causeID = fault.causeID, named.allSatisfy({ $0.contains(causeID) || $0.isEmpty }) {
      result = named.contains(where: \.isEmpty) ? .located : .named
    } else {
      result = .misnamed
    }
  }

  /// Whether a place is the fault's. Scales are recorded behind the values that were made with them; a wrong scale shows in
  /// both, and is a fault of the scale.
  private static func isSamePlace(_ found: RecordKey, _ changed: RecordKey, _ fault: Fault) -> Bool {
    if found == changed { return true }
    return found.layer == changed.layer && found.position == changed.position
      && [found, changed].allSatisfy { key in
        key.name.site.map { fault.sites.contains($0) && $0.isQuantizedOnly } ?? false
      }
  }
}
