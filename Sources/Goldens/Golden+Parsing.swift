import TraceFormat

extension Golden {
  /// Reads a golden.
  ///
  /// Whatever is not exactly as it would be written is an error with its line: a golden is kept in a repository, where
  /// a merge or an editor may damage it.
  package init(_ bytes: RawSpan) throws(GoldenError) {
    var parser = try GoldenParser(bytes)
    self = try parser.parse()
  }

  /// Reads a golden's file.
  package init(path: String) throws(GoldenError) {
    let file: MappedFile
    do throws(FileError) { file = try MappedFile(path: path) } catch { throw .file(error) }
    try self.init(file.bytes)
  }

  /// Whether a file is meant to be a golden: whether it begins as one does.
  package static func isGolden(path: String) -> Bool {
    guard let file = try? MappedFile(path: path), file.byteCount >= magic.utf8.count else { return false }
    return file.bytes(at: 0, count: magic.utf8.count).withUnsafeBytes { $0.elementsEqual(magic.utf8) }
  }
}
