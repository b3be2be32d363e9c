import Foundation
import TraceFormat

/// Where the trace of a failed check is kept: beside the reference NAME as `NAME.failed.trace`, or in the folder that
/// the environment's `TRACE_FAILURES` names, as `MODULE.FILE.NAME.failed.trace`.
struct KeptTrace {
  /// The environment's variable that names a folder.
  static let variable = "TRACE_FAILURES"

  /// The path of the trace.
  let path: String

  /// - Parameters:
  ///   - reference: as it was named in the check.
  ///   - resolved: its whole path.
  init(reference: String, resolved: String, place: SourcePlace, environment: [String: String]) {
    if let folder = environment[Self.variable], !folder.isEmpty {
      let name = reference.replacingOccurrences(of: "/", with: "-")
      path = URL(fileURLWithPath: folder).appendingPathComponent("\(place.name).\(name).failed.trace").path
    } else {
      path = resolved + ".failed.trace"
    }
  }

  /// Copies a trace there, unless it lies there already.
  func keep(_ source: String) throws(FileError) {
    if let identity = FileIdentity(source), identity == FileIdentity(path) { return }
    try makeFolder(of: path)
    try copyFile(source, to: path)
  }
}

/// Makes the folder of a file, and those above it.
func makeFolder(of path: String) throws(FileError) {
  let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
  do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
    throw FileError("make the folder of", path, reason: error.localizedDescription)
  }
}
