import Goldens

/// What a reference is.
enum ReferenceKind {
  /// A small text file with a sketch of every record.
  case golden
  /// A whole trace.
  case trace

  /// What an existing file is, by its content.
  init(contentOf path: String) { self = Golden.isGolden(path: path) ? .golden : .trace }

  /// What a file is to become, by its name.
  init(named path: String) throws(ExpectationError) {
    if path.hasSuffix(".golden") {
      self = .golden
    } else if path.hasSuffix(".trace") {
      self = .trace
    } else {
      throw .unknownEnding(path)
    }
  }
}
