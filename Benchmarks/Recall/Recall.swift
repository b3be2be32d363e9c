import Explanation
import Foundation
import Model
import TestSupport
import TraceFormat

/// `make recall`: plants every fault of the library, alone and in pairs, in models of several shapes, float32 and int8, and
/// prints what `tracediff explain` makes of them.
@main
enum Recall {
  static func main() throws {
    var models: [RecallModel] = []
    for model in TestModel.allCases {
      for version in [CheckpointVersion.legacy, .int8] { models.append(try RecallModel(model, version)) }
    }
    models += try trained()
    let isVerbose = CommandLine.arguments.contains("--verbose")
    var totals: [RecallOutcome.Result: Int] = [:]
    print("single faults        planted   located exactly     named   misnamed    missed   invisible")
    for model in models { try singles(model, isVerbose, &totals) }
    row("all", totals)
    print("\nfaults outside the catalogue (a name would be false)")
    for model in models { try unlisted(model, isVerbose) }
    print("\npairs of faults      planted   both located   named (of located)   misnamed   missed")
    for model in models { try pairs(model, isVerbose) }
  }

  private static func trained() throws -> [RecallModel] {
    let folder = ProcessInfo.processInfo.environment["LLAMA2_MODELS"] ?? "../shared/models"
    let names = ["stories260K.bin", "stories260K-q8.bin"]
    guard names.allSatisfy({ FileManager.default.fileExists(atPath: "\(folder)/\($0)") }) else {
      print("the trained models are not in \(folder): left out")
      return []
    }
    return try names.map { name in try RecallModel(name) { try Checkpoint(path: "\(folder)/\(name)") } }
  }

  private static func singles(
    _ model: RecallModel, _ isVerbose: Bool, _ totals: inout [RecallOutcome.Result: Int]
  ) throws {
    var counts: [RecallOutcome.Result: Int] = [:]
    for fault in Fault.all where fault.applies(to: model.sizes, groupSize: model.groupSize) {
      let outcome = try model.outcome(fault)
      counts[outcome.result, default: 0] += 1
      totals[outcome.result, default: 0] += 1
      if outcome.result == .invisible { print("    invisible: \(fault) (ratio \(outcome.ratio))") }
      if isVerbose && outcome.result != .named || outcome.result == .missed || outcome.result == .misnamed {
        print("    \(outcome.result): \(fault) [\(fault.causeID ?? "-")]: \(outcome.description)")
      }
    }
    row(model.name, counts)
  }

  private static func row(_ name: String, _ counts: [RecallOutcome.Result: Int]) {
    func count(_ result: RecallOutcome.Result) -> Int { counts[result] ?? 0 }
    let planted = counts.values.reduce(0, +)
    let located = count(.named) + count(.located) + count(.misnamed)
    print(
      pad(name, -20) + pad("\(planted)", 8) + pad("\(located) of \(planted - count(.invisible))", 18)
        + pad("\(count(.named))", 10) + pad("\(count(.misnamed))", 11) + pad("\(count(.missed))", 10)
        + pad("\(count(.invisible))", 12))
  }

  private static func unlisted(_ model: RecallModel, _ isVerbose: Bool) throws {
    var counts: [RecallOutcome.Result: Int] = [:]
    for fault in Fault.unlisted where fault.applies(to: model.sizes, groupSize: model.groupSize) {
      let outcome = try model.outcome(fault)
      counts[outcome.result, default: 0] += 1
      if isVerbose || outcome.result == .misnamed || outcome.result == .missed {
        print("    \(outcome.result): \(fault): \(outcome.description)")
      }
    }
    row(model.name, counts)
  }

  /// Each fault with one seeded other.
  private static func pairs(_ model: RecallModel, _ isVerbose: Bool) throws {
    let faults = Fault.all.filter { $0.applies(to: model.sizes, groupSize: model.groupSize) }
    var generator = SplitMix(seed: 1)
    var (planted, located, namable, named, misnamed, missed) = (0, 0, 0, 0, 0, 0)
    for first in faults {
      guard let second = faults.filter({ $0.id != first.id }).randomElement(using: &generator) else { continue }
      // A fault that cannot be told from rounding alone cannot be found in company either.
      guard try [first, second].allSatisfy({ try model.outcome($0).result != .invisible }) else { continue }
      let explanation = try model.explain(FaultyOperations([first, second], quantized: model.groupSize != nil))
      planted += 1
      let sites = Set(explanation.faults.map(\.site))
      let own = Set(first.sites + second.sites)
      let bothFound = [first, second].allSatisfy { fault in fault.sites.contains { sites.contains($0) } }
      guard sites.isSubset(of: own), bothFound else {
        missed += 1
        print("    missed: \(first) + \(second): \(explanation.faults.map { "\($0.first.key)" })")
        continue
      }
      located += 1
      guard Set(first.sites).isDisjoint(with: second.sites) else { continue }
      namable += 1
      let isNamed = explanation.faults.allSatisfy { fault in
        let planted = first.sites.contains(fault.site) ? first : second
        return fault.causes.contains { $0.id == planted.causeID }
      }
      let isMisnamed = explanation.faults.contains { fault in
        let planted = first.sites.contains(fault.site) ? first : second
        return !fault.causes.isEmpty && !fault.causes.contains { $0.id == planted.causeID }
      }
      if isNamed { named += 1 }
      if isMisnamed {
        misnamed += 1
        print(
          "    misnamed: \(first) + \(second): \(explanation.faults.map { "\($0.site.rawValue) \($0.causes.map(\.id))" })"
        )
      }
    }
    print(
      pad(model.name, -20) + pad("\(planted)", 8) + pad("\(located)", 15) + pad("\(named) of \(namable)", 21)
        + pad("\(misnamed)", 11) + pad("\(missed)", 9))
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    let space = String(repeating: " ", count: max(1, abs(width) - text.count))
    return width < 0 ? text + space : space + text
  }
}
