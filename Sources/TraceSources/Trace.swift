package import TensorArchives
package import TraceFormat

/// A trace whose records can be lent in any order, whatever it is made of.
package enum Trace: ~Copyable, RandomAccessSource {
  /// One file.
  case file(TraceFile)
  /// Several files.
  case parts(TraceParts)
  /// Arrays of another program.
  case arrays(ArrayTrace)

  /// What is known of the run.
  package var header: TraceHeader {
    switch self {
    case .file(let file): file.header
    case .parts(let parts): parts.header
    case .arrays(let arrays): arrays.header
    }
  }

  /// The tokens by position.
  package var tokens: [Int: TraceToken] {
    switch self {
    case .file(let file): file.tokens
    case .parts(let parts): parts.tokens
    case .arrays(let arrays): arrays.tokens
    }
  }

  /// What is wrong with the trace as a whole.
  package var problems: [TraceError] {
    switch self {
    case .file(let file): file.problems
    case .parts(let parts): parts.problems
    case .arrays(let arrays): arrays.problems
    }
  }

  /// Whether it ends as a complete one does.
  package var isComplete: Bool {
    switch self {
    case .file(let file): file.isComplete
    case .parts(let parts): parts.isComplete
    case .arrays(let arrays): arrays.isComplete
    }
  }

  /// Whether it tells its tokens.
  package var hasTokens: Bool {
    switch self {
    case .file(let file): file.hasTokens
    case .parts(let parts): parts.hasTokens
    case .arrays(let arrays): arrays.hasTokens
    }
  }

  /// Number of records.
  package var recordCount: Int {
    switch self {
    case .file(let file): file.recordCount
    case .parts(let parts): parts.recordCount
    case .arrays(let arrays): arrays.recordCount
    }
  }

  /// Length of all its files together in bytes.
  package var byteCount: Int {
    switch self {
    case .file(let file): file.byteCount
    case .parts(let parts): parts.byteCount
    case .arrays(let arrays): arrays.archive.files.reduce(0) { $0 + $1.byteCount }
    }
  }

  /// The paths of its files, as they were given or found.
  package var paths: [String] {
    switch self {
    case .file(let file): [file.path]
    case .parts(let parts): parts.paths
    case .arrays(let arrays): arrays.archive.files.map(\.path)
    }
  }

  /// The key of a record, by its place in the order of execution.
  package func key(at place: Int) -> RecordKey {
    switch self {
    case .file(let file): file.key(at: place)
    case .parts(let parts): parts.key(at: place)
    case .arrays(let arrays): arrays.key(at: place)
    }
  }

  /// Whether there is a record of a key. It may yet be damaged.
  package func contains(_ key: RecordKey) -> Bool {
    switch self {
    case .file(let file): file.contains(key)
    case .parts(let parts): parts.contains(key)
    case .arrays(let arrays): arrays.contains(key)
    }
  }

  /// The key of the next record in the order of execution; nil after the last.
  package mutating func next() -> RecordKey? {
    let key: RecordKey?
    switch consume self {
    case .file(var file):
      key = file.next()
      self = .file(file)
    case .parts(var parts):
      key = parts.next()
      self = .parts(parts)
    case .arrays(var arrays):
      key = arrays.next()
      self = .arrays(arrays)
    }
    return key
  }

  /// Lends a record.
  ///
  /// - Returns: the body's result; nil when there is no such record.
  /// - Throws: what is wrong with the record, its checksum included.
  package func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    switch self {
    case .file(let file): try file.withRecord(key, body)
    case .parts(let parts): try parts.withRecord(key, body)
    case .arrays(let arrays): try arrays.withRecord(key, body)
    }
  }

  /// Lends a record of which `withRecord` has verified the checksum before; nil when there is none.
  package func withVerifiedRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) -> Result? {
    switch self {
    case .file(let file): file.withVerifiedRecord(key, body)
    case .parts(let parts): parts.withVerifiedRecord(key, body)
    case .arrays(let arrays): arrays.withVerifiedRecord(key, body)
    }
  }
}
