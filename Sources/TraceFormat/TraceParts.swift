/// One trace in several files, as the processes, ranks, layer ranges or position ranges of a run write it.
///
/// Nothing is merged: records are used in place, where they are. A record that several parts hold in the same bytes is
/// one record. Besides its files' own indexes it holds 8 bytes per record and 16 per further copy of one.
public struct TraceParts: ~Copyable, RandomAccessSource {
  /// What is known of the run: what all parts say together.
  public let header: TraceHeader
  /// The tokens of all parts, by position.
  public let tokens: [Int: TraceToken]
  /// What is wrong with the parts, and with what they are together; each problem names its files.
  public let problems: [TraceError]
  /// Whether every part ends with an index and a tail, both undamaged.
  public let isComplete: Bool

  let parts: [Part]
  private let places: PartPlaces
  private var cursor = 0

  /// A file that is part of a trace; an object, so that a list can hold it.
  final class Part: Sendable {
    let file: TraceFile

    init(path: String) throws(TraceError) {
      do { file = try TraceFile(path: path) } catch { throw .inPart(path: path, error) }
    }
  }

  /// Opens the files that make a trace.
  ///
  /// - Parameter paths: at least one.
  /// - Throws: `TraceError` when one of them cannot be mapped or has no good header. Anything else that is wrong is
  ///   left to `problems` and to the records it concerns.
  public init(paths: [String]) throws(TraceError) {
    var parts: [Part] = []
    for path in paths { parts.append(try Part(path: path)) }
    let (header, headerProblems) = TraceHeader.united(parts.map { ($0.file.path, $0.file.header) })
    let (tokens, tokenProblems) = TraceToken.united(parts.map { ($0.file.path, $0.file.tokens) })
    var problems = headerProblems + tokenProblems
    for part in parts {
      problems += part.file.problems.map { .inPart(path: part.file.path, $0) }
    }
    places = PartPlaces(parts)
    problems += places.problems
    self.header = header
    self.tokens = tokens
    self.problems = problems
    self.parts = parts
    isComplete = parts.allSatisfy { $0.file.isComplete }
  }

  /// The paths of the files, as they were given.
  public var paths: [String] { parts.map { $0.file.path } }

  /// Length of all files together in bytes.
  public var byteCount: Int { parts.reduce(0) { $0 + $1.file.byteCount } }

  /// What one of the files is, by its place in the order given.
  package func withPart<Result>(_ number: Int, _ body: (borrowing TraceFile) -> Result) -> Result {
    body(parts[number].file)
  }

  /// Number of records; several copies of one are one.
  public var recordCount: Int { places.count }

  /// Number of records that a part holds and an earlier part holds too.
  public var copyCount: Int { places.copyCount }

  /// The key of a record, by its place in the order of execution.
  public func key(at place: Int) -> RecordKey {
    let record = places.record(at: place)
    return parts[Int(record.part)].file.key(at: Int(record.place))
  }

  /// The key of the next record in the order of execution; nil after the last.
  public mutating func next() -> RecordKey? {
    guard cursor < recordCount else { return nil }
    defer { cursor += 1 }
    return key(at: cursor)
  }

  /// Whether there is a record of a key. It may yet be damaged.
  ///
  /// - Complexity: O(log n).
  public func contains(_ key: RecordKey) -> Bool { place(of: key) != nil }

  /// Lends a record, after all of its copies have been verified.
  ///
  /// - Throws: what is wrong with the record or a copy of it, with the name of the file.
  public func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    guard let place = place(of: key) else { return nil }
    for copy in places.copies(ofRecordAt: place) { try withRecord(copy) { _ in } }
    return try withRecord(places.record(at: place), body)
  }

  /// Lends a record of which `withRecord` has verified the checksum before; nil when there is none.
  public func withVerifiedRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) -> Result? {
    guard let place = place(of: key) else { return nil }
    let record = places.record(at: place)
    do throws(TraceError) {
      return try parts[Int(record.part)].file.withRecord(at: Int(record.place), isVerified: true, body)
    } catch { return nil }
  }

  private func withRecord<Result>(
    _ record: PartPlaces.Record, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result {
    let part = parts[Int(record.part)]
    do throws(TraceError) {
      return try part.file.withRecord(at: Int(record.place), body)
    } catch { throw .inPart(path: part.file.path, error) }
  }

  private func place(of key: RecordKey) -> Int? {
    if cursor > 0, self.key(at: cursor - 1) == key { return cursor - 1 }
    var (low, high) = (0, recordCount)
    while low < high {
      let middle = (low + high) / 2
      if self.key(at: middle) < key { low = middle + 1 } else { high = middle }
    }
    return low < recordCount && self.key(at: low) == key ? low : nil
  }
}
