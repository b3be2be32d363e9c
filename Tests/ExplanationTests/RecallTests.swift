import Explanation
import Model
import TestSupport
import Testing

/// Every planted fault is found at exactly its place, and no name given to it is false.
@Suite struct RecallTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    let model: TestModel
    let version: CheckpointVersion
    var testDescription: String { "\(model.rawValue) \(version)" }

    static let all = TestModel.allCases.flatMap { model in
      [CheckpointVersion.legacy, .int8].map { Shape(model: model, version: $0) }
    }
  }

  /// Without optimisation a part of the faults has to do; the release tests and `make recall` plant all.
  static func sample(_ faults: [Fault]) -> [Fault] {
    #if DEBUG
      return faults.enumerated().filter { $0.offset % 12 == 0 }.map(\.element)
    #else
      return faults
    #endif
  }

  @Test(arguments: Shape.all)
  func faultsOfTheCatalogue(shape: Shape) throws {
    let model = try RecallModel(shape.model, shape.version)
    var (planted, named) = (0, 0)
    for fault in Self.sample(Fault.all) where fault.applies(to: model.sizes, groupSize: model.groupSize) {
      let outcome = try model.outcome(fault)
      #expect(![.missed, .misnamed].contains(outcome.result), "\(fault): \(outcome.description)")
      guard outcome.result != .invisible else { continue }
      planted += 1
      named += outcome.result == .named ? 1 : 0
    }
    #expect(planted > 0)
    #expect(10 * named >= 9 * planted, "\(named) of \(planted)")
  }

  @Test(arguments: Shape.all)
  func faultsOutsideTheCatalogue(shape: Shape) throws {
    let model = try RecallModel(shape.model, shape.version)
    for fault in Self.sample(Fault.unlisted) where fault.applies(to: model.sizes, groupSize: model.groupSize) {
      let outcome = try model.outcome(fault)
      #expect([.located, .invisible].contains(outcome.result), "\(fault): \(outcome.description)")
    }
  }

  @Test func twoFaultsAreBothFound() throws {
    let model = try RecallModel(.grouped, .legacy)
    let ids = ["rope-split-half", "residual-attn-of-xb", "swiglu-sigmoid", "attn-norm-weight-missing"]
    let faults = try ids.map { try #require(Fault.named($0)) }
    for first in faults {
      for second in faults where second.id > first.id {
        let explanation = try model.explain(FaultyOperations([first, second]))
        let sites = Set(explanation.faults.map(\.site))
        #expect(sites == Set(first.sites + second.sites))
        for fault in explanation.faults {
          let planted = first.sites.contains(fault.site) ? first : second
          #expect(fault.causes.contains { $0.id == planted.causeID }, "\(first) and \(second): \(fault.site)")
        }
      }
    }
  }
}
