import PlatformLibc

/// What kind of thing a path leads to.
package enum PathKind {
  case file
  case folder
  /// A pipe, a device or a socket: it can be read once.
  case stream
  /// Nothing that can be looked at; opening it says why.
  case unknown

  /// Looks at a path; `-` is standard input.
  package init(_ path: String) {
    guard path != "-" else {
      self = .stream
      return
    }
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .unknown
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: self = .file
    case S_IFDIR: self = .folder
    default: self = .stream
    }
  }
}
