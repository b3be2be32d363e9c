import TraceFormat

/// Writes a file, whole or not at all.
func writeFile(_ bytes: RawSpan, to path: String) throws(FileError) {
  let file = try OutputFile(path: path)
  do throws(FileError) { try file.write(block: bytes) } catch {
    file.discard()
    throw error
  }
  try file.commit()
}

/// Copies a file, whole or not at all.
func copyFile(_ source: String, to path: String) throws(FileError) {
  let file = try MappedFile(path: source)
  try writeFile(file.bytes, to: path)
}
