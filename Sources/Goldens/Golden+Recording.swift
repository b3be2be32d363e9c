package import TraceFormat

extension Golden {
  /// The golden of a trace.
  ///
  /// - Parameter source: the trace, not yet read from. It must be whole: a golden of a part would be taken for the run.
  /// - Throws: `GoldenError.cannotRecord` for a trace that is damaged, cut short or empty, or that lacks tokens or
  ///   records which its header promises.
  /// - Complexity: O(n) in the bytes of the trace; in memory, some hundred bytes per record.
  package init<Source: TensorSource & ~Copyable>(recording source: inout Source) throws(GoldenError) {
    var recorder = GoldenRecorder()
    var measurer = RecordMeasurer()
    while let record = try Self.next(&source, &measurer) { try recorder.add(record) }
    try Self.requireWhole(source)
    self = try recorder.finish(source)
  }

  private static func next<Source: TensorSource & ~Copyable>(
    _ source: inout Source, _ measurer: inout RecordMeasurer
  ) throws(GoldenError) -> Measurement? {
    let key: RecordKey?
    do throws(TraceError) { key = try source.next() } catch { throw .cannotRecord("\(error)") }
    guard let key else { return nil }
    do throws(TraceError) { return try source.measured(key, &measurer) } catch {
      throw .cannotRecord("\(key): \(error)")
    }
  }

  /// Checks, once all records were read, that nothing is missing or damaged.
  static func requireWhole(_ source: borrowing some TensorSource & ~Copyable) throws(GoldenError) {
    if let problem = source.problems.first { throw .cannotRecord("\(problem)") }
    guard source.isComplete else { throw .cannotRecord("the trace is cut short") }
  }
}
