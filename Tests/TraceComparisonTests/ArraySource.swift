import TestSupport
import TraceFormat

/// A trace in memory, which can be damaged at will.
struct ArraySource: TensorSource, ~Copyable {
  let header: TraceHeader
  let tokens: [Int: TraceToken]
  let problems: [TraceError]
  let isComplete: Bool
  private let records: [RecordKey: SyntheticTrace.Record]
  private let damaged: Set<RecordKey>
  private var keys: ArraySlice<RecordKey>

  init(
    _ trace: SyntheticTrace, problems: [TraceError] = [], isComplete: Bool = true, damaged: Set<RecordKey> = []
  ) {
    header = trace.header
    tokens = trace.tokens
    self.problems = problems
    self.isComplete = isComplete
    records = trace.records
    self.damaged = damaged
    keys = trace.records.keys.sorted()[...]
  }

  mutating func next() -> RecordKey? { keys.popFirst() }

  func withRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) throws(TraceError) -> Result? {
    guard let record = records[key], let shape = TensorShape(record.shape) else { return nil }
    guard !damaged.contains(key) else { throw .wrongChecksum(.record, offset: 64, expected: 1, found: 2) }
    return body(RecordView(key: key, elementType: record.type, shape: shape, payload: record.bytes.span.bytes))
  }
}
