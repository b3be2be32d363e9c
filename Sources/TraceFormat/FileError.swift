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
  /// Whether there is no such file.
  public var isMissing: Bool

  /// An error.
  public init(
    _ operation: String, _ path: String, reason: String, isBrokenPipe: Bool = false, isMissing: Bool = false
  ) {
    self.operation = operation
    self.path = path
    self.reason = reason
    self.isBrokenPipe = isBrokenPipe
    self.isMissing = isMissing
  }
}

extension FileError: CustomStringConvertible {
  /// One line: the file, what was tried, and why it failed.
  public var description: String { "\(path): cannot \(operation): \(reason)" }
}

/// An error that can stand for a system call that failed; its message then has the file's name already.
package protocol FileErrorCarrier: Error {
  /// The failed call, if it was one.
  var fileError: FileError? { get }
}

extension FileError: FileErrorCarrier {
  package var fileError: FileError? { self }
}

extension TraceError: FileErrorCarrier {
  package var fileError: FileError? {
    switch self {
    case .file(let error): error
    case .inPart(_, let error): error.fileError
    default: nil
    }
  }
}
