import TraceFormat

/// The file that an export is written to, with what goes wrong as this module's error.
struct ExportOutput: ~Copyable {
  private let file: OutputFile
  private let path: String
  /// Number of bytes written.
  private(set) var offset = 0
  /// Small pieces on their way.
  private var buffer: [UInt8] = []

  init(path: String) throws(ArchiveError) {
    do throws(FileError) { file = try OutputFile(path: path) } catch {
      throw ArchiveError(path, .file, .system(error))
    }
    self.path = path
  }

  /// Writes bytes, which may wait for others.
  mutating func append(_ bytes: [UInt8]) throws(ArchiveError) {
    buffer += bytes
    offset += bytes.count
    if buffer.count >= 1 << 16 { try flush() }
  }

  private mutating func flush() throws(ArchiveError) {
    do throws(FileError) { try file.write(buffer.span.bytes, RawSpan(), RawSpan()) } catch {
      throw ArchiveError(path, .file, .system(error))
    }
    buffer.removeAll(keepingCapacity: true)
  }

  /// Writes the elements of a record after some bytes.
  mutating func append<Source: RandomAccessSource & ~Copyable>(
    _ key: RecordKey, of source: borrowing Source, _ head: (RawSpan) -> [UInt8] = { _ in [] }
  ) throws(ArchiveError) {
    try flush()
    var failure: FileError?
    var written = 0
    let isFound: Void?
    do throws(TraceError) {
      isFound = try source.withRecord(key) { record in
        let head = head(record.payload)
        do throws(FileError) { try file.write(head.span.bytes, record.payload, RawSpan()) } catch { failure = error }
        written = head.count + record.payload.byteCount
      }
    } catch { throw ArchiveError(path, .file, .unreadable(key, "\(error)")) }
    if let failure { throw ArchiveError(path, .file, .system(failure)) }
    guard isFound != nil else { throw ArchiveError(path, .file, .unreadable(key, "it cannot be found again")) }
    offset += written
  }

  /// Closes the finished file and gives it its name.
  consuming func commit() throws(ArchiveError) {
    do throws(ArchiveError) { try flush() } catch {
      discard()
      throw error
    }
    let path = path
    do throws(FileError) { try file.commit() } catch { throw ArchiveError(path, .file, .system(error)) }
  }

  /// Removes the unfinished file.
  consuming func discard() { file.discard() }
}

/// Integers as they stand in files.
func littleEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  (0..<(Value.bitWidth / 8)).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
