/// Why a program stops with exit status 2.
package enum ToolError: Error, Equatable {
  /// Something failed; one line in lower case, without the program's name.
  case failed(String)
  /// The reader of our output has gone, which is answered by stopping without a word.
  case closedPipe
}

extension ToolError: CustomStringConvertible {
  /// The line that is printed after the program's name.
  package var description: String {
    switch self {
    case .failed(let message): message
    case .closedPipe: "the pipe is closed"
    }
  }
}

/// A command line that asks for something that does not exist or makes no sense.
package struct UsageError: Error, Equatable, CustomStringConvertible {
  /// One line in lower case, without the program's name.
  package var description: String

  /// An error.
  package init(_ description: String) { self.description = description }
}
