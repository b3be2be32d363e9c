package import TraceComparison
package import TraceFormat

/// The check of a trace against a golden: which records, how exactly, and what to do with those that only one of them
/// has.
package struct GoldenCheck: Sendable {
  /// How far records may lie apart; `ulp` does not count, since a sketch cannot tell it.
  package var tolerance: Tolerance
  /// Which records are compared.
  package var filter: RecordFilter
  /// Whether records that only one has are left out instead of making both incomparable.
  package var comparesCommonOnly: Bool

  /// A check.
  package init(
    tolerance: Tolerance = .default, filter: RecordFilter = RecordFilter(), comparesCommonOnly: Bool = false
  ) {
    self.tolerance = tolerance
    self.filter = filter
    self.comparesCommonOnly = comparesCommonOnly
  }

  /// Checks a trace, record by record in the order of execution.
  ///
  /// - Parameter actual: the trace under test, not yet read from; each record is read once, so it can be a pipe.
  /// - Complexity: O(n) in the bytes of the trace; the memory used does not grow with its length.
  package func check<Actual: TensorSource & ~Copyable>(_ golden: Golden, _ actual: inout Actual) -> GoldenVerdict {
    var run = GoldenRun(self, golden, actual)
    run.merge(&actual)
    return run.finish(actual).verdict
  }
}
