import TraceFormat

/// The files of arrays in a folder.
package enum ArchiveFolder {
  /// More files are refused: each takes a mapping of its own, and the system has not many more.
  package static let maximumCount = 32768
  private static let maximumDepth = 32

  /// The paths in a folder, subfolders included, of all files with the extension of an archive, sorted. Hidden files
  /// and folders are passed over.
  ///
  /// - Parameter limit: the most files.
  package static func files(in folder: String, limit: Int = maximumCount) throws(ArchiveError) -> [String] {
    var found: [String] = []
    try collect(folder, "", depth: 0, &found)
    guard found.count <= limit else {
      throw ArchiveError(
        folder, .file,
        .invalid(
          "number of files", expected: "at most \(limit); stack arrays, or put them into one .npz",
          found: "\(found.count)"))
    }
    return found.sorted()
  }

  private static func collect(
    _ folder: String, _ prefix: String, depth: Int, _ found: inout [String]
  ) throws(ArchiveError) {
    guard depth <= maximumDepth else {
      throw ArchiveError(
        folder, .file, .invalid("folder", expected: "at most \(maximumDepth) levels", found: "more below '\(prefix)'"))
    }
    let names: [String]
    do throws(FileError) { names = try FolderListing.names(prefix.isEmpty ? folder : "\(folder)/\(prefix)") } catch {
      throw ArchiveError(folder, .file, .system(error))
    }
    for name in names {
      let path = prefix.isEmpty ? name : "\(prefix)/\(name)"
      if PathKind("\(folder)/\(path)") == .folder {
        try collect(folder, path, depth: depth + 1, &found)
      } else if ArchiveKind(path: name) != nil {
        found.append(path)
      }
    }
  }
}
