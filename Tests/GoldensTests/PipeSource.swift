import TestSupport
import TraceFormat

/// A trace that is read once, as from a pipe: a record can be had only until the next one is asked for, tokens are
/// known only up to the position that was reached, and how it ends is known only at the end.
struct PipeSource: TensorSource, ~Copyable {
  let header: TraceHeader
  private let trace: SyntheticTrace
  private let keys: [RecordKey]
  private let damaged: Set<RecordKey>
  private let endProblems: [TraceError]
  private let endsComplete: Bool
  private var place = -1

  init(
    _ trace: SyntheticTrace, problems: [TraceError] = [], isComplete: Bool = true, damaged: Set<RecordKey> = [],
    order: [RecordKey]? = nil
  ) {
    header = trace.header
    self.trace = trace
    self.damaged = damaged
    endProblems = problems
    endsComplete = isComplete
    keys = order ?? trace.records.keys.sorted()
  }

  private var isAtEnd: Bool { place >= keys.count }

  var tokens: [Int: TraceToken] {
    if isAtEnd { return trace.tokens }
    let position = place < 0 ? -1 : keys[place].position
    return trace.tokens.filter { $0.key <= position }
  }

  var problems: [TraceError] { isAtEnd ? endProblems : [] }
  var isComplete: Bool { isAtEnd && endsComplete }

  mutating func next() -> RecordKey? {
    place = min(place + 1, keys.count)
    return isAtEnd ? nil : keys[place]
  }

  func withRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) throws(TraceError) -> Result? {
    precondition(!isAtEnd && place >= 0 && keys[place] == key, "a pipe lends the record that was named last")
    guard let record = trace.records[key], let shape = TensorShape(record.shape) else { return nil }
    guard !damaged.contains(key) else { throw .wrongChecksum(.record, offset: 64, expected: 1, found: 2) }
    return body(RecordView(key: key, elementType: record.type, shape: shape, payload: record.bytes.span.bytes))
  }
}
