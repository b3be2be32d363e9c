import PlatformLibc
import TraceFormat

/// The files of arrays in a folder.
package enum ArchiveFolder {
  /// More files are refused: each takes a mapping of its own, and the system has not many more.
  package static let maximumCount = 32768
  private static let maximumDepth = 32

  /// Whether a path leads to a folder.
  package static func isFolder(_ path: String) -> Bool { mode(path) == S_IFDIR }

  /// Whether a path leads to a regular file.
  package static func isFile(_ path: String) -> Bool { mode(path) == S_IFREG }

  private static func mode(_ path: String) -> mode_t? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
  }

  /// The paths in a folder, subfolders included, of all files with the extension of an archive, sorted. Hidden files and
  /// folders are passed over.
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
    for name in try entries(of: prefix.isEmpty ? folder : "\(folder)/\(prefix)") {
      let path = prefix.isEmpty ? name : "\(prefix)/\(name)"
      if isFolder("\(folder)/\(path)") {
        try collect(folder, path, depth: depth + 1, &found)
      } else if [ArchiveKind.npy, .npz, .safetensors].contains(where: { name.hasSuffix($0.rawValue) }) {
        found.append(path)
      }
    }
  }

  private static func entries(of folder: String) throws(ArchiveError) -> [String] {
    guard let stream = opendir(folder) else {
      throw ArchiveError(folder, .file, .system(FileError("read", folder, code: errno)))
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
