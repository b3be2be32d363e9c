public import TraceFormat

/// What is wrong with a checkpoint file.
public enum CheckpointError: Error, Equatable, Sendable {
  /// A system call failed.
  case file(FileError)
  /// The file ends before a part does. `needed` is nil where the size would be absurd.
  case tooShort(part: String, offset: Int, needed: Int?, available: Int)
  /// The magic is right but the version is none of llama2.c's.
  case unknownVersion(Int)
  /// A header field has a value that the layout does not allow.
  case invalidHeader(offset: Int, field: String, expected: String, found: String)
  /// The file is of another kind.
  case otherKind(FileKind)
  /// The sizes in the header contradict each other; the offset is that of the size that is to be changed.
  case invalidConfiguration(offset: Int, ConfigurationError)
  /// A tensor's number of elements is not a multiple of the group size.
  case groupSizeDoesNotDivide(groupSize: Int, part: String, count: Int)
  /// The file goes on after the last tensor.
  case trailingBytes(offset: Int, count: Int)
}

extension CheckpointError: CustomStringConvertible {
  /// One line in lower case, without the file's name unless a system call failed.
  public var description: String {
    switch self {
    case .file(let error): error.description
    case .tooShort(let part, let offset, let needed?, let available):
      "cut short: \(part) at offset \(offset) needs \(needed) bytes, but only \(available) are left"
    case .tooShort(let part, let offset, nil, let available):
      "not a checkpoint or cut short: \(part) at offset \(offset) would need far more than the \(available) bytes left"
    case .unknownVersion(let version): "version at offset 4: expected 1 or 2, found \(version)"
    case .invalidHeader(let offset, let field, let expected, let found):
      "\(field) at offset \(offset): expected \(expected), found \(found)"
    case .otherKind(let kind): "not a checkpoint: this \(kind == .trace ? "is" : "looks like") \(kind.rawValue)"
    case .invalidConfiguration(let offset, let error): "offset \(offset): \(error)"
    case .groupSizeDoesNotDivide(let groupSize, let part, let count):
      "group size at offset 37: expected a divisor of the \(count) elements of \(part), found \(groupSize)"
    case .trailingBytes(let offset, let count):
      "expected the end of the file at offset \(offset), found \(count) more bytes"
    }
  }
}

extension CheckpointError: FileErrorCarrier {
  package var fileError: FileError? { if case .file(let error) = self { error } else { nil } }
}
