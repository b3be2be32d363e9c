package import TraceFormat

/// A trace written as arrays that numpy and others read: one array per record, named `SITE/layerL/posP`, the tokens as
/// an array of int64, and header and tokens as one JSON text.
package struct TraceExport: Sendable {
  /// Which records are written.
  package let filter: RecordFilter
  /// Sizes from which on a zip archive needs fields of 64 bits.
  let wideLimit: UInt64
  /// The most bytes of a .safetensors header.
  let headerLimit: Int

  /// What was written.
  package struct Outcome: Equatable, Sendable {
    /// Number of records.
    package let recordCount: Int
    /// Length of the file in bytes.
    package let byteCount: Int
  }

  /// An export.
  package init(filter: RecordFilter = RecordFilter()) {
    self.init(filter: filter, wideLimit: ZipDirectory.isWide)
  }

  /// An export with other limits.
  init(filter: RecordFilter, wideLimit: UInt64, headerLimit: Int = SafetensorsHeader.maximumLength) {
    self.filter = filter
    self.wideLimit = wideLimit
    self.headerLimit = headerLimit
  }

  /// Writes a trace.
  ///
  /// Besides mapped pages it holds some 100 bytes per record. A file that cannot be finished is removed.
  ///
  /// - Throws: also what is wrong with a record; nothing is written then.
  package func write<Source: RandomAccessSource & ~Copyable>(
    _ source: borrowing Source, to path: String, _ format: ExportFormat
  ) throws(ArchiveError) -> Outcome {
    let records = try ExportList(source, filter, path)
    let metadata = records.metadata(of: source, filter)
    switch format {
    case .npz: return try NpzWriter.write(source, records, metadata, to: path, wideLimit: wideLimit)
    case .safetensors: return try SafetensorsWriter.write(source, records, metadata, to: path, limit: headerLimit)
    }
  }
}
