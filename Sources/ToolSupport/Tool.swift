import PlatformLibc
package import TraceFormat
import VectorKernels

/// What all programs do around their work.
package enum Tool {
  /// Runs a program's body on the arguments of the process and ends the process with its result.
  ///
  /// Whatever the body throws becomes one line on standard error and exit status 2; a closed pipe is quiet. So does a
  /// mapped file that is cut short while it is read.
  package static func run(name: String, _ body: ([Argument]) throws -> ExitStatus) -> Never {
    signal(SIGPIPE, SIG_IGN)
    let lost = "a file was cut short while it was being read, or its disk cannot be read any more"
    lost_pages_report("\(name): \(lost)\n", ExitStatus.trouble.rawValue)
    // A file that may grow no further is an error to report, as a full disk is.
    signal(SIGXFSZ, SIG_IGN)
    fillStandardStreams()
    exit(status(name: name, Argument.ofProcess, body).rawValue)
  }

  /// Opens the null device in the place of standard streams that are closed, so that no file gets their numbers.
  ///
  /// Standard output gets it for reading only: results that go nowhere are an error. Standard error is for people, and
  /// whoever closed it wants none.
  private static func fillStandardStreams() {
    for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(descriptor, F_GETFD) == -1 {
      // The lowest free number is what an opened file gets.
      _ = open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY)
    }
  }

  /// Runs a body and reports what it throws.
  package static func status(
    name: String, _ arguments: [Argument], _ body: ([Argument]) throws -> ExitStatus
  ) -> ExitStatus {
    do {
      return try body(arguments)
    } catch ToolError.closedPipe {
      return .trouble
    } catch let error as any FileErrorCarrier where error.fileError?.isBrokenPipe == true {
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
    if try isStandardOutput(path) {
      let output = OutputWriter.standardOutput()
      output.write(bytes: bytes)
      return try output.finish()
    }
    do throws(FileError) {
      let file = try OutputFile(path: path)
      do throws(FileError) {
        try file.write(bytes.span.bytes, RawSpan(), RawSpan())
      } catch {
        file.discard()
        throw error
      }
      try file.commit()
    } catch { throw error.isBrokenPipe ? .closedPipe : .failed(error.description) }
  }

  /// Does something with a file; what goes wrong names the file.
  package static func naming<Value: ~Copyable, Failure: FileErrorCarrier>(
    _ path: String, _ body: () throws(Failure) -> Value
  ) throws(ToolError) -> Value {
    do throws(Failure) { return try body() } catch { throw failure(error, naming: path) }
  }

  /// An error about a file, with the file's name before it unless it has it already.
  package static func failure(_ error: some FileErrorCarrier, naming path: String) -> ToolError {
    .failed(error.fileError?.description ?? "\(path): \(error)")
  }

  /// Whether what is written to a path goes where standard output goes, as with `-` and `/dev/stdout`.
  package static func isStandardOutput(_ path: String) throws(ToolError) -> Bool {
    do throws(FileError) { return try OutputTarget(path).isStandardOutput } catch {
      throw .failed(error.description)
    }
  }

  /// Whether a file lies in a folder, or at any depth below it, however the paths are written.
  package static func lies(_ path: String, in folder: String, atAnyDepth: Bool) -> Bool {
    guard let wanted = FileIdentity(folder) else { return false }
    let slash = path.lastIndex(of: "/")
    var parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    var identity = FileIdentity(parent)
    while let known = identity {
      if known == wanted { return true }
      parent += "/.."
      identity = FileIdentity(parent)
      if !atAnyDepth || identity == known { return false }
    }
    return false
  }

  /// Checks, before anything is opened for writing, that no output is an input or another output, however the paths are
  /// written. A file is written as `PATH.partial` first, so that name counts as well.
  package static func requireApart(outputs: [String], inputs: [String]) throws {
    var taken: [FileIdentity: String] = [:]
    for path in inputs {
      if let identity = FileIdentity(path) { taken[identity] = "the input '\(path)'" }
    }
    for path in outputs {
      let target = try OutputTarget(path)
      var own: [(identity: FileIdentity?, name: String)] = []
      switch target {
      case .descriptor(let descriptor): own = [(FileIdentity(descriptor: descriptor), path)]
      case .direct: continue
      case .file(let name, let partial): own = [(FileIdentity(name), path), (FileIdentity(partial), partial)]
      }
      for (identity, name) in own {
        guard let identity else { continue }
        if let other = taken[identity] {
          let how = name == path ? "" : ", which is '\(name)' until it is complete,"
          throw UsageError("the output '\(path)'\(how) would overwrite \(other)")
        }
      }
      for case (let identity?, _) in own { taken[identity] = "the output '\(path)'" }
    }
  }
}
