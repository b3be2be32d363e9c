/// A source of which any record can be lent at any time, any number of times.
public protocol RandomAccessSource: TensorSource, ~Copyable, Sendable {
  /// Number of records.
  var recordCount: Int { get }
  /// The key of a record, by its place in the order of execution.
  func key(at place: Int) -> RecordKey
  /// Whether there is a record of a key. It may yet be damaged.
  func contains(_ key: RecordKey) -> Bool
  /// Lends a record of which `withRecord` has verified the checksum before; nil when there is none.
  func withVerifiedRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) -> Result?
}
