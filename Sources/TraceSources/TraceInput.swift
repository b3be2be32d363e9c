package import TraceFormat

/// A trace to be read once, in the order of execution: one that has random access, or one that is still coming.
package enum TraceInput: ~Copyable, TensorSource, Sendable {
  /// A trace in files.
  case trace(Trace)
  /// A trace that comes through a pipe.
  case stream(TraceStream)

  /// What is known of the run.
  package var header: TraceHeader {
    switch self {
    case .trace(let trace): trace.header
    case .stream(let stream): stream.header
    }
  }

  /// The tokens known so far, by position.
  package var tokens: [Int: TraceToken] {
    switch self {
    case .trace(let trace): trace.tokens
    case .stream(let stream): stream.tokens
    }
  }

  /// What was found wrong so far.
  package var problems: [TraceError] {
    switch self {
    case .trace(let trace): trace.problems
    case .stream(let stream): stream.problems
    }
  }

  /// Whether it ends, or ended, as a complete one does.
  package var isComplete: Bool {
    switch self {
    case .trace(let trace): trace.isComplete
    case .stream(let stream): stream.isComplete
    }
  }

  /// Whether more may come.
  package var isLive: Bool {
    switch self {
    case .trace(let trace): trace.isLive
    case .stream(let stream): stream.isLive
    }
  }

  /// Whether it tells its tokens.
  package var hasTokens: Bool {
    switch self {
    case .trace(let trace): trace.hasTokens
    case .stream(let stream): stream.hasTokens
    }
  }

  /// The key of the next record in the order of execution; nil after the last.
  package mutating func next() -> RecordKey? {
    let key: RecordKey?
    switch consume self {
    case .trace(var trace):
      key = trace.next()
      self = .trace(trace)
    case .stream(var stream):
      key = stream.next()
      self = .stream(stream)
    }
    return key
  }

  /// Lends a record; of a stream only the one that `next()` named last.
  ///
  /// - Returns: the body's result; nil when there is no such record.
  /// - Throws: what is wrong with the record, its checksum included.
  package func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    switch self {
    case .trace(let trace): try trace.withRecord(key, body)
    case .stream(let stream): try stream.withRecord(key, body)
    }
  }
}
