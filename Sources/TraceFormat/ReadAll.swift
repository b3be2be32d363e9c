import PlatformLibc

/// Reads a file, a pipe or a device to its end; `-` is standard input.
///
/// - Returns: nil where there are more than `limit` bytes.
package func readAll(_ path: String, limit: Int) throws(FileError) -> [UInt8]? {
  let descriptor = try InputDescriptor(opening: path)
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = buffer.withUnsafeMutableBytes { target in
      retrying { read(descriptor.number, target.baseAddress, target.count) }
    }
    guard count >= 0 else { throw .last("read", path) }
    guard count > 0 else { return bytes }
    bytes += buffer[..<count]
    guard bytes.count <= limit else { return nil }
  }
}
