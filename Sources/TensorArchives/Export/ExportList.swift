import TraceFormat

/// A record that is to be written, without its elements.
struct ExportRecord {
  /// Its place in the order of execution.
  let place: Int
  /// Format of its elements.
  let type: ElementType
  /// Its dimensions.
  let shape: TensorShape
  /// Bytes of its elements.
  let byteCount: Int
}

/// The records of a trace that are to be written, in the order of execution.
struct ExportList {
  private(set) var records: [ExportRecord] = []
  /// Their names.
  private var names: Set<TensorName> = []

  /// Looks at the heads of all records that are wanted.
  init<Source: RandomAccessSource & ~Copyable>(
    _ source: borrowing Source, _ filter: RecordFilter, _ path: String
  ) throws(ArchiveError) {
    for place in 0..<source.recordCount {
      let key = source.key(at: place)
      guard Self.wants(key, filter) else { continue }
      let known = source.withVerifiedRecord(key) { record in
        ExportRecord(
          place: place, type: record.elementType, shape: record.shape, byteCount: record.payload.byteCount)
      }
      guard let known else { throw Self.unreadable(source, key, path) }
      records.append(known)
      names.insert(key.name)
    }
  }

  /// As in a trace that was recorded with the same selection, what the cache holds of earlier positions stays.
  static func wants(_ key: RecordKey, _ filter: RecordFilter) -> Bool {
    if filter.wants(key) { return true }
    guard let first = filter.positions?.first, key.position < first, key.name.site?.isCached ?? false else {
      return false
    }
    return filter.wants(name: key.name.text) && filter.wants(layer: key.layer)
  }

  /// Header and tokens, with what is left of the selection that the trace was recorded with.
  func metadata<Source: TensorSource & ~Copyable>(
    of source: borrowing Source, _ filter: RecordFilter
  ) -> TraceMetadata {
    var header = source.header
    if filter.names != nil || !filter.excluded.isEmpty || filter.layers != nil {
      header[text: .sites] = names.sorted().map(\.text).joined(separator: ",")
    }
    Self.narrow(&header, .firstLayer, .lastLayer, to: filter.layers)
    Self.narrow(&header, .firstPosition, .lastPosition, to: filter.positions)
    return TraceMetadata(header: header, tokens: source.tokens)
  }

  private static func narrow(
    _ header: inout TraceHeader, _ first: HeaderField, _ last: HeaderField, to range: IndexRange?
  ) {
    guard let range else { return }
    header[integer: first] = max(header[integer: first] ?? 0, range.first)
    if let end = range.last { header[integer: last] = min(header[integer: last] ?? end, end) }
  }

  /// Why a record cannot be read.
  private static func unreadable<Source: RandomAccessSource & ~Copyable>(
    _ source: borrowing Source, _ key: RecordKey, _ path: String
  ) -> ArchiveError {
    do throws(TraceError) { _ = try source.withRecord(key) { _ in } } catch {
      return ArchiveError(path, .file, .unreadable(key, "\(error)"))
    }
    return ArchiveError(path, .file, .unreadable(key, "it cannot be found again"))
  }
}
