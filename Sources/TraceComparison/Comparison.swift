public import TraceFormat

/// The comparison of two traces: which records, how exactly, and what to do with those that only one has.
public struct Comparison: Sendable {
  /// How far elements may lie apart.
  public var tolerance: Tolerance
  /// Which records are compared.
  public var filter: RecordFilter
  /// Whether records that only one trace has are left out instead of making the traces incomparable.
  public var comparesCommonOnly: Bool
  /// Whether to stop at the first record beyond tolerance, or where the tokens part.
  public var stopsAtFirst: Bool

  /// A comparison.
  public init(
    tolerance: Tolerance = .default, filter: RecordFilter = RecordFilter(), comparesCommonOnly: Bool = false,
    stopsAtFirst: Bool = false
  ) {
    self.tolerance = tolerance
    self.filter = filter
    self.comparesCommonOnly = comparesCommonOnly
    self.stopsAtFirst = stopsAtFirst
  }

  /// Compares two traces record by record, in the order of execution.
  ///
  /// Records are paired by name, layer and position, never by guess. The memory used does not grow with the number of
  /// records. A live source is compared while it comes: its tokens position by position, and what it lacks when later
  /// records have come.
  ///
  /// - Parameters:
  ///   - expected: the reference's trace, not yet read from.
  ///   - actual: the trace under test, not yet read from.
  ///   - eachDivergence: called for every record beyond tolerance, in the order of execution.
  /// - Complexity: O(n) in the bytes of both traces.
  public func compare<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable>(
    _ expected: inout Expected, _ actual: inout Actual, eachDivergence: (Finding) -> Void = { _ in }
  ) -> Verdict {
    var run = ComparisonRun(self, expected, actual)
    if run.verdict.headers.conflicts.isEmpty { run.merge(&expected, &actual, eachDivergence) }
    return run.finish(expected, actual)
  }

  /// Compares two trace files record by record: the same verdict as for any other sources, on all processors.
  ///
  /// What both files hold in the same bytes is read once and checked once. The memory used grows by 4 bytes per record
  /// of each file, for their order (32 where an index is missing), and by the tokens.
  ///
  /// - Parameters:
  ///   - expected: the reference's trace.
  ///   - actual: the trace under test.
  ///   - eachDivergence: called for every record beyond tolerance, in the order of execution.
  /// - Complexity: O(n) in the bytes of both traces.
  public func compare(
    _ expected: borrowing TraceFile, _ actual: borrowing TraceFile, eachDivergence: (Finding) -> Void = { _ in }
  ) -> Verdict {
    compareFiles(expected, actual, PairBatch(), eachDivergence)
  }

  /// The same in batches of another size.
  func compareFiles(
    _ expected: borrowing TraceFile, _ actual: borrowing TraceFile, _ batch: consuming PairBatch,
    _ eachDivergence: (Finding) -> Void
  ) -> Verdict {
    var run = ComparisonRun(self, expected, actual)
    if run.verdict.headers.conflicts.isEmpty { run.mergeFiles(expected, actual, batch, eachDivergence) }
    return run.finish(expected, actual)
  }
}
