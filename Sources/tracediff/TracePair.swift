import Dispatch
import Synchronization
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// The two traces of a comparison: what their operands are, before they are opened.
struct TracePair {
  var expected: TraceOperands
  var actual: TraceOperands

  /// Finds out what the operands are; nil where those of a side name no trace.
  ///
  /// - Parameter problems: gets what is wrong, by side.
  init?(_ expected: [String], _ actual: [String], _ problems: inout [Verdict.Problem]) {
    func resolved(_ paths: [String], _ side: Side) -> TraceOperands? {
      do throws(ToolError) { return try resolve(paths) } catch {
        problems.append(Verdict.Problem(side: side, message: error.description))
        return nil
      }
    }
    let sides = (resolved(expected, .expected), resolved(actual, .actual))
    guard let first = sides.0, let second = sides.1 else { return nil }
    (self.expected, self.actual) = (first, second)
  }

  /// The files that will be read.
  var inputs: [String] { expected.inputs + actual.inputs }

  /// Whether one of the traces can be read only once.
  var isLive: Bool { expected.isStream || actual.isStream }

  /// Compares the traces, which are closed when this returns: whoever writes one that was not read to its end learns of
  /// it.
  ///
  /// - Parameter problems: gets why a trace cannot be read at all, by side.
  /// - Returns: nil where one cannot.
  func compare(
    _ comparison: Comparison, _ problems: inout [Verdict.Problem], eachDivergence: (Finding) -> Void
  ) -> Verdict? {
    var opened = open()
    problems += opened.problems
    guard var expected = opened.expected.take(), var actual = opened.actual.take() else { return nil }
    return comparison.compare(&expected, &actual, eachDivergence: eachDivergence)
  }

  /// Two traces, each nil where it cannot be read at all, and why not.
  private struct Opened: ~Copyable {
    var expected: TraceInput?
    var actual: TraceInput?
    var problems: [Verdict.Problem] = []
  }

  /// Opens both traces at once: to check the index of a long one takes as long as to compare a part of it.
  private func open() -> Opened {
    let opened = Mutex(Opened())
    DispatchQueue.concurrentPerform(iterations: 2) { number in
      let side: Side = number == 0 ? .expected : .actual
      do throws(ToolError) {
        var trace: TraceInput? = try openInput(side == .expected ? expected : actual)
        opened.withLock { if side == .expected { $0.expected = trace.take() } else { $0.actual = trace.take() } }
      } catch {
        let problem = Verdict.Problem(side: side, message: error.description)
        opened.withLock { $0.problems.insert(problem, at: side == .expected ? 0 : $0.problems.count) }
      }
    }
    return opened.withLock {
      Opened(expected: $0.expected.take(), actual: $0.actual.take(), problems: $0.problems)
    }
  }
}
