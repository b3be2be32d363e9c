#if canImport(Testing)
  import Testing
  import TraceFormat

  /// A trace as an attachment: read when the framework stores it, and not held in memory.
  struct TraceAttachment: Attachable, Sendable {
    /// The trace.
    let path: String

    func withUnsafeBytes<R>(
      for attachment: borrowing Attachment<Self>, _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
      let file = try MappedFile(path: path)
      return try file.bytes.withUnsafeBytes(body)
    }
  }
#endif
