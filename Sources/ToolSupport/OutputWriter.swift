import PlatformLibc
import TraceFormat

/// Buffered bytes to a descriptor.
///
/// When the reader of a pipe has gone, the rest is dropped without a word. Any other failure is kept until `finish()`,
/// so that a full disk never passes for success.
package final class OutputWriter {
  private let descriptor: Int32
  private let name: String
  private var buffer: [UInt8] = []
  private var failure: ToolError?

  /// Whether the reader has gone; what is written from now on goes nowhere.
  package private(set) var isClosed = false

  /// A writer to a descriptor that stays open.
  ///
  /// - Parameter name: what messages call it.
  package init(descriptor: Int32, name: String) {
    self.descriptor = descriptor
    self.name = name
  }

  /// Standard output.
  package static func standardOutput() -> OutputWriter {
    OutputWriter(descriptor: STDOUT_FILENO, name: "standard output")
  }

  /// Standard error.
  package static func standardError() -> OutputWriter {
    OutputWriter(descriptor: STDERR_FILENO, name: "standard error")
  }

  /// Adds text.
  package func write(_ text: String) { write(bytes: text.utf8) }

  /// Adds a line.
  package func line(_ text: String = "") {
    write(text)
    write("\n")
  }

  /// Adds bytes.
  package func write(bytes: some Sequence<UInt8>) {
    buffer.append(contentsOf: bytes)
    if buffer.count >= 1 << 16 { flush() }
  }

  /// Hands everything to the system.
  package func flush() {
    defer { buffer.removeAll(keepingCapacity: true) }
    guard !isClosed, failure == nil else { return }
    if let code = buffer.withUnsafeBytes({ writeAll(descriptor, [$0]) }) {
      if code == EPIPE {
        isClosed = true
      } else {
        failure = .failed("\(name): cannot write: \(String(cString: strerror(code)))")
      }
    }
  }

  /// Hands everything to the system and reports what went wrong since the beginning.
  package func finish() throws(ToolError) {
    flush()
    if let failure { throw failure }
  }
}

/// Writes one line to standard error, in one call where the system takes it whole.
package func writeDiagnostic(_ line: String) {
  _ = Array("\(line)\n".utf8).withUnsafeBytes { writeAll(STDERR_FILENO, [$0]) }
}

/// Whether a descriptor is a terminal.
package func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
