import PlatformLibc

/// A descriptor that is read from, closed with the value that owns it.
///
/// Standard input is not closed but led to the null device: whoever writes to it learns at once that nobody reads any
/// more, and no file that is opened later gets its number.
struct InputDescriptor: ~Copyable {
  let number: Int32

  /// Takes over an open descriptor.
  init(_ number: Int32) { self.number = number }

  /// Opens a file, a pipe or a device; `-` is standard input.
  init(opening path: String) throws(FileError) {
    guard path != "-" else {
      number = STDIN_FILENO
      return
    }
    number = try Self.open(path)
  }

  private static func open(_ path: String) throws(FileError) -> Int32 {
    let number = Int32(retrying { Int(PlatformLibc.open(path, O_RDONLY | O_CLOEXEC)) })
    guard number >= 0 else { throw .last("open", path) }
    return number
  }

  deinit {
    guard number == STDIN_FILENO else {
      _ = close(number)
      return
    }
    let null = PlatformLibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard null >= 0 else { return }
    dup2(null, STDIN_FILENO)
    if null != STDIN_FILENO { _ = close(null) }
  }
}
