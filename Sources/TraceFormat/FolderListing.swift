import PlatformLibc

/// The files of a folder.
package enum FolderListing {
  /// The names of what a folder holds, hidden files apart, in the order of their bytes.
  package static func names(_ path: String) throws(FileError) -> [String] {
    guard let folder = opendir(path) else { throw FileError("list", path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
