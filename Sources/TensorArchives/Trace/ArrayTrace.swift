package import TraceFormat

/// The arrays of another program as a trace: every record is a view of an array, lent in place where its elements lie
/// side by side and aligned, else copied for as long as it is lent.
///
/// Besides mapped pages it holds some 300 bytes per array and 16 per record.
package struct ArrayTrace: ~Copyable, RandomAccessSource {
  /// What is known of the run: from an export's metadata and the mapping.
  package let header: TraceHeader
  /// The tokens by position; none where nobody tells them.
  package let tokens: [Int: TraceToken]
  /// Whether the arrays tell the tokens.
  package let hasTokens: Bool
  /// Arrays without a statement, records that two arrays of one file give, files that contradict each other.
  package let problems: [TraceError]
  /// The arrays.
  package let archive: TensorArchive
  let blocks: [ArrayBlock]
  let entries: [ArrayEntry]
  /// The names of the records, in the order of execution.
  let names: [TensorName]
  let numbers: [TensorName: Int32]
  /// Number of records that an array holds and one in an earlier file holds too, in the same bytes.
  package let copyCount: Int
  private var cursor = 0

  /// What stands for the producer where nobody says it.
  static let producer = "arrays"

  /// Reads arrays as a trace.
  ///
  /// - Parameter mapping: what the arrays mean; without it they are named as exports name them.
  /// - Throws: what is wrong with the mapping or with an array, or that there is no record at all. What concerns single
  ///   arrays that were left out is in `problems`.
  package init(_ archive: TensorArchive, mapping: ArrayMapping? = nil) throws(ArchiveError) {
    var builder = ArrayTraceBuilder(archive, mapping)
    try builder.build()
    self.archive = archive
    header = builder.header
    (tokens, hasTokens) = (builder.tokens, builder.hasTokens)
    (problems, copyCount) = (builder.problems, builder.copyCount)
    (blocks, entries) = (builder.blocks, builder.entries)
    (names, numbers) = (builder.names, builder.numbers)
  }

  /// Whether all that is there was read.
  package var isComplete: Bool { true }

  /// Number of records.
  package var recordCount: Int { entries.count }

  /// The key of a record, by its place in the order of execution.
  package func key(at place: Int) -> RecordKey {
    let entry = entries[place]
    return RecordKey(names[Int(entry.name)], layer: entry.layer, position: Int(entry.position))
  }

  /// The key of the next record in the order of execution; nil after the last.
  package mutating func next() -> RecordKey? {
    guard cursor < entries.count else { return nil }
    defer { cursor += 1 }
    return key(at: cursor)
  }

  /// Whether there is a record of a key. It may yet be damaged.
  ///
  /// - Complexity: O(log n).
  package func contains(_ key: RecordKey) -> Bool { entry(of: key) != nil }

  /// Lends a record; any, at any time.
  ///
  /// - Complexity: O(log n) to find it, and O(n) in its elements where they must be copied.
  /// - Throws: `TraceError.foreign` where the checksum of the member that holds it is wrong.
  package func withRecord<Result>(
    _ key: RecordKey, _ body: (RecordView) -> Result
  ) throws(TraceError) -> Result? {
    guard let entry = entry(of: key) else { return nil }
    let array = archive.arrays[Int(blocks[Int(entry.block)].array)]
    do { try archive.files[array.file].verify(array) } catch { throw .foreign(error.description) }
    return archive.lend(key, entry, blocks[Int(entry.block)], body)
  }

  /// Lends a record of which `withRecord` has verified the checksum before; nil when there is none.
  package func withVerifiedRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) -> Result? {
    entry(of: key).map { archive.lend(key, $0, blocks[Int($0.block)], body) }
  }
}
