import PlatformLibc

/// Where a path to write to leads: what the file is called once symbolic links are followed, and whether it is written
/// under another name first.
package enum OutputTarget: Equatable, Sendable {
  /// An open descriptor: standard output for `-`, or the file, pipe or socket that already is standard output or
  /// standard error, such as `/dev/stdout`.
  case descriptor(Int32)
  /// A pipe or a device, written directly.
  case direct(String)
  /// A regular file, written as `partial` and then renamed.
  case file(name: String, partial: String)

  /// Finds out where a path leads. A symbolic link stays: what it leads to is written.
  package init(_ path: String) throws(FileError) {
    guard path != "-" else {
      self = .descriptor(STDOUT_FILENO)
      return
    }
    var status = stat()
    if stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT != S_IFDIR else { throw FileError("write", path, reason: "it is a directory") }
      // A device can be opened once more, and the null device is nobody's standard output.
      if status.st_mode & S_IFMT != S_IFCHR {
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] where Self.isSame(status, descriptor) {
          self = .descriptor(descriptor)
          return
        }
      }
      guard status.st_mode & S_IFMT == S_IFREG else {
        self = .direct(path)
        return
      }
    }
    let name = try Self.followingLinks(path)
    self = .file(name: name, partial: name + ".partial")
  }

  /// Whether writing goes where standard output goes, so that other text must go elsewhere.
  package var isStandardOutput: Bool { self == .descriptor(STDOUT_FILENO) }

  private static func isSame(_ status: stat, _ descriptor: Int32) -> Bool {
    var other = stat()
    return fstat(descriptor, &other) == 0 && other.st_dev == status.st_dev && other.st_ino == status.st_ino
  }

  /// The path behind symbolic links, whether or not there is a file yet.
  private static func followingLinks(_ path: String) throws(FileError) -> String {
    var path = path
    for _ in 0..<40 {
      var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
      let length = readlink(path, &buffer, buffer.count - 1)
      guard length >= 0 else { return path }
      let link = String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
      path = link.hasPrefix("/") ? link : folder + link
    }
    throw FileError("write", path, code: ELOOP)
  }
}

/// Which file a path leads to, however it is written: device and number of an existing file, else those of its folder
/// and the file's name.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt64
  private let number: UInt64
  private let name: String?

  /// The file at a path; nil where not even its folder exists.
  package init?(_ path: String) {
    var status = stat()
    if stat(path, &status) == 0 {
      self.init(status, name: nil)
      return
    }
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard stat(folder, &status) == 0 else { return nil }
    self.init(status, name: slash.map { String(path[path.index(after: $0)...]) } ?? path)
  }

  /// The regular file that a descriptor is open on; nil for a pipe, a device or a closed descriptor.
  package init?(descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    self.init(status, name: nil)
  }

  private init(_ status: stat, name: String?) {
    device = UInt64(truncatingIfNeeded: status.st_dev)
    number = UInt64(truncatingIfNeeded: status.st_ino)
    self.name = name
  }
}
