import TraceFormat

extension TensorSource where Self: ~Copyable {
  /// Measures the record that `next()` named last.
  borrowing func measured(
    _ key: RecordKey, _ measurer: inout RecordMeasurer
  ) throws(TraceError) -> Measurement {
    let record = try withRecord(key) { measurer.measure($0) }
    guard let record else { throw .cannotRecord("the record cannot be found again") }
    return record
  }
}
