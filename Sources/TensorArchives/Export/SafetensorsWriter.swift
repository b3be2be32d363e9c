import JSONText
import TraceFormat

/// Writes a trace as a .safetensors file. Tensors of larger elements come first, so that all are aligned.
enum SafetensorsWriter {
  static func write<Source: RandomAccessSource & ~Copyable>(
    _ source: borrowing Source, _ list: ExportList, _ metadata: TraceMetadata, to path: String, limit: Int
  ) throws(ArchiveError) -> TraceExport.Outcome {
    let records = [8, 4, 2, 1].flatMap { size in list.records.filter { $0.type.size == size } }
    let positions = metadata.tokens.keys.sorted()
    let ids = positions.compactMap { metadata.tokens[$0]?.id }
    let start = text(of: metadata)
    var length = start.count
    try header(source, records, tokenCount: ids.count) { (bytes) throws(ArchiveError) in length += bytes.count }
    let padding = (8 - length % 8) % 8
    guard length + padding <= limit else {
      throw ArchiveError(
        path, .file,
        .invalid(
          "header", expected: "at most \(limit) bytes; export fewer records, or to .npz",
          found: "\(length)"))
    }

    var output = try ExportOutput(path: path)
    do throws(ArchiveError) {
      try output.append(littleEndian(UInt64(length + padding)) + start)
      try header(source, records, tokenCount: ids.count) { (bytes) throws(ArchiveError) in try output.append(bytes) }
      try output.append([UInt8](repeating: UInt8(ascii: " "), count: padding))
      for number in ids + positions { try output.append(littleEndian(Int64(number))) }
      for record in records { try output.append(source.key(at: record.place), of: source) }
    } catch {
      output.discard()
      throw error
    }
    let byteCount = output.offset
    try output.commit()
    return TraceExport.Outcome(recordCount: records.count, byteCount: byteCount)
  }

  /// The header up to the first tensor.
  private static func text(of metadata: TraceMetadata) -> [UInt8] {
    let texts = JSONValue.object([(TraceMetadata.safetensorsKey, .string(metadata.json.text))])
    // The tensors follow inside the same object.
    return Array(JSONValue.object([(SafetensorsHeader.metadataKey, texts)]).text.utf8.dropLast())
  }

  /// The rest of the header, tensor by tensor.
  private static func header<Source: RandomAccessSource & ~Copyable>(
    _ source: borrowing Source, _ records: [ExportRecord], tokenCount: Int,
    _ append: ([UInt8]) throws(ArchiveError) -> Void
  ) throws(ArchiveError) {
    var offset = 0
    for name in [ExportName.tokens, ExportName.positions] {
      try append(entry(name, "I64", [tokenCount], &offset, byteCount: 8 * tokenCount))
    }
    for record in records {
      let name = ExportName.name(of: source.key(at: record.place))
      try append(entry(name, typeName(record.type), record.shape.dimensions, &offset, byteCount: record.byteCount))
    }
    try append([UInt8(ascii: "}")])
  }

  private static func entry(
    _ name: String, _ type: String, _ shape: [Int], _ offset: inout Int, byteCount: Int
  ) -> [UInt8] {
    let (lengths, end) = (shape.map(String.init).joined(separator: ","), offset + byteCount)
    defer { offset = end }
    let tensor = "{\"dtype\":\"\(type)\",\"shape\":[\(lengths)],\"data_offsets\":[\(offset),\(end)]}"
    return Array(",\(JSONValue.string(name).text):\(tensor)".utf8)
  }

  private static func typeName(_ type: ElementType) -> String {
    switch type {
    case .float64: "F64"
    case .float32: "F32"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .int8: "I8"
    }
  }
}
