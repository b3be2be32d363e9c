public import TraceFormat

/// A trace whose records can be lent in any order, whatever it is made of.
public enum Trace: ~Copyable, RandomAccessSource {
  /// One file.
  case file(TraceFile)
  /// Several files.
  case parts(TraceParts)

  /// What is known of the run.
  public var header: TraceHeader {
    switch self {
    case .file(let file): file.header
    case .parts(let parts): parts.header
    }
  }

  /// The tokens by position.
  public var tokens: [Int: TraceToken] {
    switch self {
    case .file(let file): file.tokens
    case .parts(let parts): parts.tokens
    }
  }

  /// What is wrong with the trace as a whole.
  public var problems: [TraceError] {
    switch self {
    case .file(let file): file.problems
    case .parts(let parts): parts.problems
    }
  }

  /// Whether it ends as a complete one does.
  public var isComplete: Bool {
    switch self {
    case .file(let file): file.isComplete
    case .parts(let parts): parts.isComplete
    }
  }

  /// Whether it tells its tokens.
  public var hasTokens: Bool {
    switch self {
    case .file(let file): file.hasTokens
    case .parts(let parts): parts.hasTokens
    }
  }

  /// Number of records.
  public var recordCount: Int {
    switch self {
    case .file(let file): file.recordCount
    case .parts(let parts): parts.recordCount
    }
  }

  /// Length of all its files together in bytes.
  public var byteCount: Int {
    switch self {
    case .file(let file): file.byteCount
    case .parts(let parts): parts.byteCount
    }
  }

  /// The paths of its files, as they were given or found.
  public var paths: [String] {
    switch self {
    case .file(let file): [file.path]
    case .parts(let parts): parts.paths
    }
  }

  /// The key of a record, by its place in the order of execution.
  public func key(at place: Int) -> RecordKey {
    switch self {
    case .file(let file): file.key(at: place)
    case .parts(let parts): parts.key(at: place)
    }
  }

  /// Whether there is a record of a key. It may yet be damaged.
  public func contains(_ key: RecordKey) -> Bool {
    switch self {
    case .file(let file): file.contains(key)
    case .parts(let parts): parts.contains(key)
    }
  }

  /// The key of the next record in the order of execution; nil after the last.
  public mutating func next() -> RecordKey? {
    let key: RecordKey?
    switch consume self {
    case .file(var file):
      key = file.next()
      self = .file(file)
    case .parts(var parts):
      key = parts.next()
      self = .parts(parts)
    }
    return key
  }

  /// Lends a record.
  ///
  /// - Returns: the body's result; nil when there is no such record.
  /// - Throws: what is wrong with the record, its checksum included.
  public func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    switch self {
    case .file(let file): try file.withRecord(key, body)
    case .parts(let parts): try parts.withRecord(key, body)
    }
  }

  /// Lends a record of which `withRecord` has verified the checksum before; nil when there is none.
  public func withVerifiedRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) -> Result? {
    switch self {
    case .file(let file): file.withVerifiedRecord(key, body)
    case .parts(let parts): parts.withVerifiedRecord(key, body)
    }
  }
}
