import TraceFormat

/// The arrays of one set: those of a lone archive, of several, or of a folder.
///
/// An array is called as in its file where there is one file, and `ARCHIVE/NAME` where there are several, with the
/// archive's name without its extension. A lone .npy file has its own name, in a folder its path in there, without `.npy`.
package struct TensorArchive: Sendable {
  /// The files, mapped.
  package let files: [ArchiveFile]
  /// The arrays in the order of the files.
  package let arrays: [StoredArray]
  /// What an export of ours says of the trace that it was made from; nil where no file says it.
  package let metadata: TraceMetadata?
  /// What the metadata of several files disagree about.
  let conflicts: [ArchiveError]
  /// Parts that are missing, doubled or out of range, as their metadata say.
  let partProblems: [TraceError]

  /// Opens archives, arrays and folders of them.
  package init(paths: [String]) throws(ArchiveError) {
    var reader = ArchiveReader()
    for path in paths { try reader.open(path) }
    try self.init(reader)
  }

  /// Reads files that are open.
  package init(files: [ArchiveFile]) throws(ArchiveError) {
    var reader = ArchiveReader()
    for file in files { reader.add(file, name: ArchiveReader.stem(of: file.path)) }
    try self.init(reader)
  }

  private init(_ reader: consuming ArchiveReader) throws(ArchiveError) {
    try reader.read()
    files = reader.files
    arrays = reader.arrays
    (metadata, conflicts) = reader.metadata()
    partProblems = reader.partProblems
  }

  /// An error about an array.
  func error(_ array: StoredArray, _ rule: ArchiveRule) -> ArchiveError {
    ArchiveError(files[array.file].path, .array(array.name), rule)
  }
}
