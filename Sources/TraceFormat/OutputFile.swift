import PlatformLibc
import VectorKernels

/// A file that is being written: `PATH.partial` until `commit()` gives it its name. A target that is not a regular
/// file (a pipe, a device) and standard output (`-`) are written directly; a symbolic link stays one.
package struct OutputFile: ~Copyable {
  private let shownPath: String
  private let names: (final: String, partial: String)?
  private let descriptor: OwnedDescriptor

  package init(path: String) throws(FileError) {
    let target = try OutputTarget(path)
    descriptor = try Self.open(target, path)
    if case .file(let name, let partial) = target {
      names = (name, partial)
      shownPath = partial
    } else {
      names = nil
      shownPath = path == "-" ? "standard output" : path
    }
  }

  private static func open(_ target: OutputTarget, _ path: String) throws(FileError) -> OwnedDescriptor {
    switch target {
    case .descriptor(let descriptor):
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, OwnedDescriptor.lowest)
      guard copy >= 0 else { throw .last("write", path == "-" ? "standard output" : path) }
      return OwnedDescriptor(copy)
    case .direct(let name): return try OwnedDescriptor(opening: name, O_WRONLY | O_CLOEXEC)
    case .file(_, let partial):
      // A link in the place of the partial file would lead the bytes into some other file.
      return try OwnedDescriptor(opening: partial, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC)
    }
  }

  /// Writes three pieces one after the other, in one system call where the system takes them whole.
  ///
  /// Nothing is held back in the process: what was written stays when the process is killed.
  package func write(_ first: RawSpan, _ second: RawSpan, _ third: RawSpan) throws(FileError) {
    let code = first.withUnsafeBytes { one in
      second.withUnsafeBytes { two in
        third.withUnsafeBytes { three in writeAll(descriptor.number, [one, two, three]) }
      }
    }
    if let code { throw FileError("write", shownPath, code: code) }
  }

  /// Writes one large piece.
  package func write(block: RawSpan) throws(FileError) {
    // For little ones the extra call costs more than it saves. A full disk is told by the write.
    if block.byteCount >= 1 << 18 { file_space_reserve(descriptor.number, Int64(block.byteCount)) }
    try write(block, RawSpan(), RawSpan())
  }

  /// Closes the finished file and gives it its name.
  ///
  /// - Throws: also what closing reports, which is where some file systems say that the disk is full. The partial file
  ///   then stays.
  package consuming func commit() throws(FileError) {
    let (shownPath, names) = (shownPath, names)
    if let code = descriptor.close() { throw FileError("write", shownPath, code: code) }
    guard let names else { return }
    guard rename(names.partial, names.final) == 0 else { throw .last("rename to its final name", names.partial) }
  }

  /// Closes an unfinished file and removes it; what a pipe or a device has got cannot be taken back.
  package consuming func discard() {
    let names = names
    _ = descriptor.close()
    if let names { unlink(names.partial) }
  }
}

/// A descriptor above those of the standard streams, closed with the value that owns it.
private struct OwnedDescriptor: ~Copyable {
  /// The lowest number that can be owned: where a standard stream is closed, its number must not become a file's.
  static let lowest = STDERR_FILENO + 1

  let number: Int32

  init(_ number: Int32) { self.number = number }

  init(opening path: String, _ flags: Int32) throws(FileError) {
    let opened = Int32(retrying { Int(open(path, flags, 0o666)) })
    guard opened >= 0 else { throw .last("write", path) }
    if opened >= Self.lowest {
      number = opened
    } else {
      let moved = fcntl(opened, F_DUPFD_CLOEXEC, Self.lowest)
      let code = errno
      _ = PlatformLibc.close(opened)
      guard moved >= 0 else { throw FileError("write", path, code: code) }
      number = moved
    }
  }

  /// Closes it.
  ///
  /// - Returns: the error's number; nil where there is none. An interrupted close has closed.
  consuming func close() -> Int32? {
    let number = number
    discard self
    return PlatformLibc.close(number) == 0 || errno == EINTR ? nil : errno
  }

  deinit { _ = PlatformLibc.close(number) }
}
