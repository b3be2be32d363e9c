package import TraceComparison
import TraceFormat

extension Comparison {
  /// Compares two traces, whatever they are made of: two plain files on all processors, anything else record by record.
  ///
  /// - Parameters:
  ///   - expected: the reference's trace, not yet read from.
  ///   - actual: the trace under test, not yet read from.
  ///   - eachDivergence: called for every record beyond tolerance, in the order of execution.
  /// - Complexity: O(n) in the bytes of both traces.
  package func compare(
    _ expected: inout TraceInput, _ actual: inout TraceInput, eachDivergence: (Finding) -> Void = { _ in }
  ) -> Verdict {
    if let verdict = compareFiles(expected, actual, eachDivergence) { return verdict }
    return compareInOrder(&expected, &actual, eachDivergence)
  }

  /// The verdict on two plain files; nil where one of the traces is something else.
  private func compareFiles(
    _ expected: borrowing TraceInput, _ actual: borrowing TraceInput, _ eachDivergence: (Finding) -> Void
  ) -> Verdict? {
    switch expected {
    case .trace(.file(let first)):
      switch actual {
      case .trace(.file(let second)): compare(first, second, eachDivergence: eachDivergence)
      default: nil
      }
    default: nil
    }
  }

  private func compareInOrder<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ expected: inout Expected, _ actual: inout Actual, _ eachDivergence: (Finding) -> Void
  ) -> Verdict {
    compare(&expected, &actual, eachDivergence: eachDivergence)
  }
}
