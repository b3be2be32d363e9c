import Dispatch
import Explanation
import Foundation
import Model
import Synchronization
import TestSupport
import TraceFormat

/// `make recall`: plants every fault of the library, alone and in pairs, in models of several shapes, float32 and int8,
/// and prints what `tracediff explain` makes of them.
///
/// Exit status: 0 when every fault that shows is located, none is misnamed, at least nine in ten are named, and no
/// fault outside the catalogue gets a name; 1 otherwise; 2 for trouble.
@main
struct Recall {
  private static let usage = "usage: Recall [--quick] [--verbose]\n"
  private let isVerbose: Bool
  /// Seeded partners of each fault.
  private let partners: Int
  private var failures: [String] = []

  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    guard arguments.allSatisfy(["--quick", "--verbose"].contains) else {
      FileHandle.standardError.write(Data(usage.utf8))
      exit(2)
    }
    var recall = Recall(
      isVerbose: arguments.contains("--verbose"), partners: arguments.contains("--quick") ? 1 : 3)
    do {
      try recall.run()
    } catch {
      FileHandle.standardError.write(Data("Recall: \(error)\n".utf8))
      exit(2)
    }
    for failure in recall.failures { print("FAILED: \(failure)") }
    print(recall.failures.isEmpty ? "\nall goals are met" : "\n\(recall.failures.count) goals are missed")
    exit(recall.failures.isEmpty ? 0 : 1)
  }

  private init(isVerbose: Bool, partners: Int) {
    self.isVerbose = isVerbose
    self.partners = partners
  }

  private mutating func run() throws {
    var models: [RecallModel] = []
    for model in TestModel.allCases {
      for version in [CheckpointVersion.legacy, .int8] { models.append(try RecallModel(model, version)) }
    }
    models += try Self.trained()
    try table("faults alone", models, mayBeNamed: true) { model in model.applicable(Fault.all).map { [$0] } }
    try table("faults outside the catalogue: a name would be false", models, mayBeNamed: false) { model in
      model.applicable(Fault.unlisted).map { [$0] }
    }
    let count = partners
    try table("pairs of faults, \(count) partners for each", models, mayBeNamed: true) { model in
      Self.pairs(model.applicable(Fault.all), partners: count)
    }
  }

  private static func trained() throws -> [RecallModel] {
    let folder = ProcessInfo.processInfo.environment["LLAMA2_MODELS"] ?? "../shared/models"
    let names = ["stories260K.bin", "stories260K-q8.bin"]
    guard names.allSatisfy({ FileManager.default.fileExists(atPath: "\(folder)/\($0)") }) else {
      print("SKIPPED the trained models: they are not in \(folder)\n")
      return []
    }
    return try names.map { name in try RecallModel(name) { try Checkpoint(path: "\(folder)/\(name)") } }
  }

  /// Each fault with seeded others.
  private static func pairs(_ faults: [Fault], partners: Int) -> [[Fault]] {
    var generator = SplitMix(seed: 1)
    return faults.flatMap { first in
      faults.filter { $0.id != first.id }.shuffled(using: &generator).prefix(partners).map { [first, $0] }
    }
  }

  /// Plants in every model, prints a row for each, and keeps what falls short of the goals.
  private mutating func table(
    _ title: String, _ models: [RecallModel], mayBeNamed: Bool, _ planted: (RecallModel) -> [[Fault]]
  ) throws {
    print("\(title)\n\(RecallTally.heading)")
    var total = RecallTally()
    for model in models {
      var tally = RecallTally()
      for outcome in try Self.outcomes(model, planted(model)) {
        tally.take(outcome)
        show(outcome, mayBeNamed: mayBeNamed)
      }
      print(tally.row(model.name))
      fflush(nil)
      total.add(tally)
    }
    print("\(total.row("all"))\n")
    failures += total.failures(title, mayBeNamed: mayBeNamed)
  }

  private func show(_ outcome: RecallOutcome, mayBeNamed: Bool) {
    let isWanted: Bool
    switch outcome.result {
    case .missed, .misnamed: isWanted = true
    case .invisible: isWanted = outcome.faults.count == 1 || isVerbose
    case .located: isWanted = isVerbose && mayBeNamed && outcome.isNamable
    case .named: isWanted = false
    }
    guard isWanted else { return }
    let planted = outcome.faults.map { "\($0) [\($0.causeID ?? "-")]" }.joined(separator: " + ")
    print("    \(outcome.result): \(planted): largest ratio \(outcome.ratio); \(outcome.description)")
  }

  /// The outcomes in the order of what is planted, computed on all processors.
  private static func outcomes(_ model: RecallModel, _ planted: [[Fault]]) throws -> [RecallOutcome] {
    let results = Mutex<[Int: Result<RecallOutcome, any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: planted.count) { index in
      let result = Result { try model.outcome(planted[index]) }
      results.withLock { $0[index] = result }
    }
    return try results.withLock { results in try planted.indices.compactMap { try results[$0]?.get() } }
  }
}
