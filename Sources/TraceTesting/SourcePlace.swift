import Foundation

/// Where a check stands in the source.
struct SourcePlace {
  /// As `Module/File.swift`.
  let fileID: StaticString
  /// The file's path on the machine that compiled it.
  let filePath: StaticString
  /// From 1.
  let line: UInt
  /// From 1.
  let column: UInt

  /// The folder of the source file.
  var folder: URL { URL(fileURLWithPath: "\(filePath)").deletingLastPathComponent() }

  /// The source file as a part of a name: `Module.File`.
  var name: String {
    let path = "\(fileID)"
    let stem = path.hasSuffix(".swift") ? String(path.dropLast(6)) : path
    return stem.replacingOccurrences(of: "/", with: ".")
  }
}
