import PlatformLibc
import TraceFormat

extension Tool {
  /// Adds bytes to the end of a file that others add to as well; it is made where there is none.
  package static func append(_ bytes: [UInt8], to path: String) throws(ToolError) {
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path) }
    let code = bytes.withUnsafeBytes { writeAll(descriptor, [$0]) }
    let isClosed = close(descriptor) == 0 || errno == EINTR
    if let code { throw .failed("\(FileError("write", path, code: code))") }
    guard isClosed else { throw failure(path) }
  }

  private static func failure(_ path: String) -> ToolError { .failed("\(FileError("write", path, code: errno))") }

  /// The value of a variable of the environment; nil where it is not set or empty.
  package static func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }
}
