import Model
import TestSupport
import Testing
import TraceFormat

/// Text is printed when its position is settled, not before.
@Suite struct SettledTextTests {
  /// An observer that settles a block when the one after the next has ended, and stops after a number of positions.
  private struct LateObserver: ForwardObserver {
    struct Stop: Error {}

    var stopAt = Int.max
    var ended = 0
    private(set) var settledPositions = 0
    private(set) var settleCalls = 0

    mutating func begin(position: Int, token: Int) throws(Stop) { if position == stopAt { throw Stop() } }
    func wants(_ site: Site, layer: Int?, position: Int) -> Bool { false }
    mutating func observe<Element: TraceElement>(
      _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
    ) throws(Stop) {}
    mutating func endBlock() throws(Stop) {
      ended += 1
      settledPositions = max(0, ended - 2)
    }
    mutating func settle() throws(Stop) {
      settleCalls += 1
      settledPositions = ended
    }
  }

  private static func texts<Observer: ForwardObserver>(
    _ observer: inout Observer, forced: Bool
  ) throws -> [[UInt8]] {
    let model = try TestModel.grouped.checkpoint()
    let tokenizer = try TestModel.grouped.tokenizer()
    let tokens = sampleTokens(count: 8, vocabularySize: 320)
    let sampling = RunPlan.Sampling(temperature: 0, topP: 0.9, seed: 1)
    let input: RunPlan.Input = forced ? .forced(tokens) : .prompt(text: [], tokens: tokens, sampling)
    let plan = try RunPlan(model, precision: .float32, steps: 8, input: input)
    var texts: [[UInt8]] = []
    do {
      _ = try run(
        plan, Llama2Operations<Float>(), model: model, tokenizer: tokenizer, observer: &observer,
        print: { texts.append($0) })
    } catch is LateObserver.Stop {}
    return texts
  }

  @Test(arguments: [true, false])
  func allIsPrintedInTheEnd(forced: Bool) throws {
    var nobody = NoObserver()
    let expected = try Self.texts(&nobody, forced: forced)
    #expect(expected.count == (forced ? 7 : 8))
    var observer = LateObserver()
    #expect(try Self.texts(&observer, forced: forced) == expected)
    #expect(observer.settleCalls == 1)
  }

  /// When the run stops, what was computed and not yet settled has not been printed.
  @Test(arguments: [true, false], [0, 2, 5])
  func nothingIsPrintedBeforeItIsSettled(forced: Bool, stop: Int) throws {
    var nobody = NoObserver()
    let expected = try Self.texts(&nobody, forced: forced)
    var observer = LateObserver(stopAt: stop)
    let found = try Self.texts(&observer, forced: forced)
    // A forced run prints nothing at its first position, which holds BOS.
    let count = max(0, stop - 2 - (forced ? 1 : 0))
    #expect(found == Array(expected.prefix(count)))
  }
}
