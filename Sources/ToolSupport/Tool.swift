#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
import TraceFormat

/// What all programs do around their work.
package enum Tool {
  /// Runs a program's body on the arguments of the process and ends the process with its result.
  ///
  /// Whatever the body throws becomes one line on standard error and exit status 2; a closed pipe is quiet.
  package static func run(name: String, _ body: ([Argument]) throws -> ExitStatus) -> Never {
    signal(SIGPIPE, SIG_IGN)
    exit(status(name: name, Argument.ofProcess, body).rawValue)
  }

  /// Runs a body and reports what it throws.
  package static func status(
    name: String, _ arguments: [Argument], _ body: ([Argument]) throws -> ExitStatus
  ) -> ExitStatus {
    do {
      return try body(arguments)
    } catch ToolError.closedPipe {
      return .trouble
    } catch let error as FileError where error.isBrokenPipe {
      return .trouble
    } catch {
      diagnose(name, "\(error)")
      return .trouble
    }
  }

  /// Prints `name: message` as exactly one line on standard error.
  package static func diagnose(_ name: String, _ message: String) {
    writeDiagnostic("\(name): \(visibleText(message.utf8))")
  }

  /// Prints text on standard output, as `--help` and `--version` do.
  package static func print(_ text: String) throws(ToolError) -> ExitStatus {
    let output = OutputWriter.standardOutput()
    output.write(text)
    try output.finish()
    return .success
  }

  /// Writes a result to a file, whole or not at all, or to standard output when the path is `-`.
  ///
  /// The bytes go to `PATH.partial`, which takes the file's name when they are complete.
  package static func write(_ bytes: [UInt8], to path: String) throws(ToolError) {
    if path == "-" {
      let output = OutputWriter.standardOutput()
      output.write(bytes: bytes)
      return try output.finish()
    }
    var isOpen = false
    do {
      let file = try OutputFile(path: path)
      isOpen = true
      try file.write(bytes.span.bytes, RawSpan(), RawSpan())
      try file.commit()
    } catch {
      if isOpen { unlink(path + ".partial") }
      throw error.isBrokenPipe ? .closedPipe : .failed(error.description)
    }
  }
}
