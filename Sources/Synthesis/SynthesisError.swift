package import TraceFormat

/// Why a checkpoint or a tokenizer cannot be made.
package enum SynthesisError: Error, Equatable, Sendable {
  /// A group size is not between 1 and 2^31 - 1.
  case groupSizeOutOfRange(Int)
  /// A tensor's number of elements is not a multiple of the group size.
  case groupSizeDoesNotDivide(groupSize: Int, tensor: String, count: Int)
  /// The file would have more bytes than a 64-bit integer can count.
  case tooLarge
  /// A system call failed.
  case file(FileError)
}

extension SynthesisError: CustomStringConvertible {
  /// One line in lower case.
  package var description: String {
    switch self {
    case .groupSizeOutOfRange(let size): "group size: expected 1 to 2147483647, found \(size)"
    case .groupSizeDoesNotDivide(let size, let tensor, let count):
      "group size: expected a divisor of the \(count) elements of \(tensor), found \(size)"
    case .tooLarge: "the checkpoint would have more than 2^63 bytes"
    case .file(let error): error.description
    }
  }
}

extension SynthesisError: FileErrorCarrier {
  package var fileError: FileError? { if case .file(let error) = self { error } else { nil } }
}
