import Explanation
import Model
import TestSupport
import Testing
import TraceFormat

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
  ///
  /// - Parameters:
  ///   - debug: every which one without optimisation.
  ///   - release: every which one in a release.
  static func sample<Element>(_ planted: [Element], debug: Int = 12, release: Int = 1) -> [Element] {
    #if DEBUG
      let step = debug
    #else
      let step = release
    #endif
    return stride(from: 0, to: planted.count, by: step).map { planted[$0] }
  }

  @Test(arguments: Shape.all)
  func faultsOfTheCatalogue(shape: Shape) throws {
    let model = try RecallModel(shape.model, shape.version)
    var tally = RecallTally()
    for fault in Self.sample(model.applicable(Fault.all)) {
      let outcome = try model.outcome(fault)
      #expect(![.missed, .misnamed].contains(outcome.result), "\(fault): \(outcome.description)")
      tally.take(outcome)
    }
    #expect(tally.failures(shape.testDescription, mayBeNamed: true).isEmpty)
  }

  @Test(arguments: Shape.all)
  func faultsOutsideTheCatalogue(shape: Shape) throws {
    let model = try RecallModel(shape.model, shape.version)
    var located = 0
    for fault in Self.sample(model.applicable(Fault.unlisted)) {
      let outcome = try model.outcome(fault)
      #expect([.located, .invisible].contains(outcome.result), "\(fault): \(outcome.description)")
      located += outcome.result == .located ? 1 : 0
    }
    #expect(located > 0)
  }

  /// Each fault with the one that stands a third of the list behind it.
  @Test(arguments: Shape.all)
  func pairsOfFaults(shape: Shape) throws {
    let model = try RecallModel(shape.model, shape.version)
    let faults = model.applicable(Fault.all)
    let pairs = faults.indices.map { [faults[$0], faults[($0 + faults.count / 3) % faults.count]] }
    #expect(pairs.count > 100)
    for pair in Self.sample(pairs, debug: 24, release: 4) {
      let outcome = try model.outcome(pair)
      #expect(![.missed, .misnamed].contains(outcome.result), "\(pair): \(outcome.description)")
    }
  }

  @Test func twoFaultsAreBothNamed() throws {
    let model = try RecallModel(.grouped, .legacy)
    let ids = ["rope-split-half", "residual-attn-of-xb", "swiglu-sigmoid", "attn-norm-weight-missing"]
    let faults = try ids.map { try #require(Fault.named($0)) }
    for first in faults {
      for second in faults where second.id > first.id {
        let outcome = try model.outcome([first, second])
        #expect(outcome.result == .named && outcome.isNamable, "\(first) and \(second): \(outcome.description)")
      }
    }
  }
}

/// The benchmark itself can fail.
@Suite struct RecallRuleTests {
  /// An honest run has no place, at any site: the second judge agrees that nothing is wrong.
  @Test(arguments: RecallTests.Shape.all)
  func theSecondJudgePassesHonestRuns(shape: RecallTests.Shape) throws {
    let model = try RecallModel(shape.model, shape.version)
    let ratios = try model.honestRatios()
    #expect(ratios.count == (model.groupSize == nil ? 20 : 30))
    for (site, ratio) in ratios { #expect(ratio <= 1, "\(site.rawValue)") }
    // A residual comes near its bound, so the bound is not loose.
    #expect((ratios[.ffnResidual] ?? 0) > 0.5)
  }

  @Test func anUnreportedFaultIsMissed() throws {
    let model = try RecallModel(.grouped, .legacy)
    let fault = try #require(Fault.named("swiglu-sigmoid"))
    let honest = try model.explain(FaultyOperations([]))
    #expect(try model.outcome([fault], answer: honest).result == .missed)
    // Its place without another's, and a place where none is.
    let other = try #require(Fault.named("residual-attn-of-xb"))
    let alone = try model.explain(FaultyOperations(fault))
    #expect(try model.outcome([fault], answer: alone).result == .named)
    #expect(try model.outcome([fault, other], answer: alone).result == .missed)
    #expect(try model.outcome([other], answer: alone).result == .missed)
    #expect(try model.outcome([], answer: alone).result == .missed)
  }

  @Test func anotherNameIsFalse() throws {
    let model = try RecallModel(.grouped, .legacy)
    let (sigmoid, relu) = (try #require(Fault.named("swiglu-sigmoid")), try #require(Fault.named("swiglu-relu")))
    let answer = try model.explain(FaultyOperations(sigmoid))
    let places = try model.outcome(sigmoid)
    #expect(places.result == .named)
    #expect(try model.outcome([relu], answer: answer, places: [sigmoid]).result == .misnamed)
    // Two faults in one operation need locating only.
    let together = try model.outcome([sigmoid, relu])
    #expect(together.result == .located && !together.isNamable)
  }

  @Test func whatIsInvisibleIsCountedApart() throws {
    // Position 0 turns by nothing, so that a single position cannot show a wrong rotation.
    let model = try RecallModel(.grouped, .legacy, positions: 1)
    let rope = try #require(Fault.named("rope-split-half"))
    let outcome = try model.outcome(rope)
    #expect(outcome.result == .invisible && outcome.ratio <= 1)
    let residual = try #require(Fault.named("residual-attn-of-xb"))
    #expect(try model.outcome([rope, residual]).result == .invisible)
  }

  @Test func talliesFail() {
    func failures(_ named: Int, _ located: Int, _ misnamed: Int, _ missed: Int, mayBeNamed: Bool = true) -> Int {
      var tally = RecallTally()
      let counts: [(RecallOutcome.Result, Int)] = [
        (.named, named), (.located, located), (.misnamed, misnamed), (.missed, missed),
      ]
      for (result, count) in counts {
        for _ in 0..<count { tally.take(result) }
      }
      return tally.failures("test", mayBeNamed: mayBeNamed).count
    }
    #expect(failures(9, 1, 0, 0) == 0 && failures(8, 1, 0, 0) == 1)
    #expect(failures(99, 0, 1, 0) == 1 && failures(99, 0, 0, 1) == 1 && failures(8, 1, 1, 1) == 3)
    #expect(failures(0, 5, 0, 0, mayBeNamed: false) == 0 && failures(0, 5, 1, 0, mayBeNamed: false) == 1)
    #expect(failures(0, 0, 0, 0) == 1)
  }
}
