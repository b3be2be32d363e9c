import TraceFormat

/// The arrays of one set: those of a lone archive, of several, or of folders.
///
/// An array is called as in its file where there is one file. In a folder that is `FILE/NAME`, with the file's path in
/// the folder without its extension; a .npy file has no name in it, and is called by its path. Where several files and
/// folders are given, what each is called stands before it, with as much of its path as tells it from the others.
package struct TensorArchive: Sendable {
  /// The files, mapped.
  package let files: [ArchiveFile]
  /// The arrays in the order of the files.
  package let arrays: [StoredArray]
  /// What exports of ours say together of the trace that they were made from; nil where no file says it.
  let told: ToldParts.Union?

  /// Opens archives, arrays and folders of them.
  package init(paths: [String]) throws(ArchiveError) {
    var reader = ArchiveReader()
    for path in paths { try reader.open(path) }
    try self.init(reader)
  }

  /// Reads files that are open.
  package init(files: [ArchiveFile]) throws(ArchiveError) {
    var reader = ArchiveReader()
    for file in files { reader.add(file) }
    try self.init(reader)
  }

  private init(_ reader: consuming ArchiveReader) throws(ArchiveError) {
    try reader.read()
    files = reader.files
    arrays = reader.arrays
    told = reader.united
  }

  /// An error about an array.
  func error(_ array: StoredArray, _ rule: ArchiveRule) -> ArchiveError {
    ArchiveError(files[array.file].path, .array(array.name), rule)
  }
}
