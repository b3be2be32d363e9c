import JSONText
import TraceFormat

/// Writes a trace as a zip archive of arrays. The elements of every array begin at a multiple of 64 bytes, so that they
/// can be used in place.
enum NpzWriter {
  static func write<Source: RandomAccessSource & ~Copyable>(
    _ source: borrowing Source, _ list: ExportList, _ metadata: TraceMetadata, to path: String, wideLimit: UInt64
  ) throws(ArchiveError) -> TraceExport.Outcome {
    var zip = ZipWriter(try ExportOutput(path: path), wideLimit: wideLimit)
    do throws(ArchiveError) {
      try zip.add(ArchiveReader.metadataName, Array(metadata.json.text.utf8))
      let positions = metadata.tokens.keys.sorted()
      let ids = positions.compactMap { metadata.tokens[$0]?.id }
      for (name, numbers) in [(ExportName.tokens, ids), (ExportName.positions, positions)] {
        try zip.add(
          fileName(name), NpyHeader.encoded("<i8", [numbers.count]) + numbers.flatMap { littleEndian(Int64($0)) })
      }
      for record in list.records {
        let key = source.key(at: record.place)
        let header = NpyHeader.encoded(NpyHeader.descriptor(record.type), record.shape.dimensions)
        try zip.add(key, record, source, header: header)
      }
      try zip.finish { entry in
        entry.place.map { fileName(ExportName.name(of: source.key(at: $0))) } ?? ""
      }
    } catch {
      zip.discard()
      throw error
    }
    let byteCount = zip.byteCount
    try zip.commit()
    return TraceExport.Outcome(recordCount: list.records.count, byteCount: byteCount)
  }

  static func fileName(_ name: String) -> String { name + ArchiveKind.npy.rawValue }
}
