/// A system call on a file that failed.
public struct FileError: Error, Equatable, Sendable {
  /// What was tried: `open`, `read`, `write`, `map`, `rename`.
  public var operation: String
  /// The file.
  public var path: String
  /// The system's reason, in words.
  public var reason: String
  /// Whether the other end of a pipe was closed, which programs answer by stopping quietly.
  public var isBrokenPipe: Bool

  /// An error.
  public init(_ operation: String, _ path: String, reason: String, isBrokenPipe: Bool = false) {
    self.operation = operation
    self.path = path
    self.reason = reason
    self.isBrokenPipe = isBrokenPipe
  }
}

extension FileError: CustomStringConvertible {
  /// One line: the file, what was tried, and why it failed.
  public var description: String { "\(path): cannot \(operation): \(reason)" }
}
