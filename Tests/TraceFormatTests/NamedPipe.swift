import PlatformLibc
import Testing

/// A named pipe and its reader, who can go and come back.
final class NamedPipe {
  /// Where it is.
  let path: String
  private var reader: Int32 = -1

  /// Makes a pipe that has a reader. A write without one is an error from then on, not the end of the tests.
  init(path: String) throws {
    self.path = path
    signal(SIGPIPE, SIG_IGN)
    try #require(mkfifo(path, 0o600) == 0)
    try openReader()
  }

  deinit { closeReader() }

  /// Opens the reading end, if it is not open.
  func openReader() throws {
    if reader < 0 { reader = open(path, O_RDONLY | O_NONBLOCK) }
    try #require(reader >= 0)
  }

  /// Closes the reading end.
  func closeReader() {
    if reader >= 0 { close(reader) }
    reader = -1
  }

  /// Reads all that is in the pipe now.
  ///
  /// - Returns: how many bytes that was.
  func drain() -> Int {
    var (total, count) = (0, 0)
    var buffer = [UInt8](repeating: 0, count: 4096)
    repeat {
      count = buffer.withUnsafeMutableBytes { read(reader, $0.baseAddress, $0.count) }
      total += max(0, count)
    } while count > 0
    return total
  }
}
