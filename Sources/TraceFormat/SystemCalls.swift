import PlatformLibc

extension FileError {
  /// The error that the last system call left in errno.
  static func last(_ operation: String, _ path: String) -> FileError { FileError(operation, path, code: errno) }

  /// The error of a number of errno.
  package init(_ operation: String, _ path: String, code: Int32) {
    self.init(
      operation, path, reason: String(cString: strerror(code)), isBrokenPipe: code == EPIPE, isMissing: code == ENOENT)
  }
}

/// Repeats a system call for as long as a signal interrupts it.
func retrying(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result != -1 || errno != EINTR { return result }
  }
}

/// Writes pieces of memory one after the other, however many calls it takes.
///
/// - Returns: the error's number; nil when all is written.
package func writeAll(_ descriptor: Int32, _ pieces: [UnsafeRawBufferPointer]) -> Int32? {
  var vectors = pieces.filter { !$0.isEmpty }.map {
    iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
  }
  var first = 0
  while first < vectors.count {
    var written = vectors.withUnsafeMutableBufferPointer { buffer in
      retrying { writev(descriptor, buffer.baseAddress.unsafelyUnwrapped + first, Int32(buffer.count - first)) }
    }
    guard written >= 0 else { return errno }
    while first < vectors.count, written >= vectors[first].iov_len {
      written -= vectors[first].iov_len
      first += 1
    }
    if written > 0, first < vectors.count, let base = vectors[first].iov_base {
      vectors[first].iov_base = base + written
      vectors[first].iov_len -= written
    }
  }
  return nil
}
