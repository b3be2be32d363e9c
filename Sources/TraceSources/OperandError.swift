package import TensorArchives
package import TraceFormat

/// Why operands of a command line do not name a trace. Each message names the file.
package enum OperandError: Error, Equatable, Sendable {
  /// A file or a part cannot be read as a trace.
  case trace(path: String, TraceError)
  /// A folder cannot be listed.
  case folder(FileError)
  /// A folder holds neither traces nor arrays.
  case emptyFolder(String)
  /// A folder holds traces and arrays.
  case mixedFolder(String, trace: String, array: String)
  /// Some operands are traces and others are arrays.
  case mixture(trace: String, array: String)
  /// One of several operands is a stream.
  case streamAmongParts(String)
  /// A trace is needed that can be read in any order, and this is a stream.
  case stream(String)
  /// A stream holds arrays.
  case arraysInStream(String, ArchiveKind)
  /// A file was named twice.
  case repeated(String)
  /// The arrays of another program, or what maps them to records, cannot be read.
  case arrays(ArchiveError)
}

extension OperandError: CustomStringConvertible, FileErrorCarrier {
  /// One line in lower case.
  package var description: String {
    switch self {
    case .trace(_, .file(let error)), .folder(let error): error.description
    case .trace(_, .inPart(let path, let error)): TraceError.inPart(path: path, error).description
    case .trace(let path, let error): "\(path): \(error)"
    case .emptyFolder(let path):
      "\(path): expected traces (*.trace) or arrays (*.npy, *.npz, *.safetensors) in the folder, found none"
    case .mixedFolder(let path, let trace, let array):
      "\(path): expected traces or arrays in the folder, found both, such as \(trace) and \(array): name the files"
    case .mixture(let trace, let array): "expected traces or arrays, found both: \(trace) and \(array)"
    case .streamAmongParts(let path):
      "\(path): expected a file, since there are several parts, found a stream: write it to a file first"
    case .stream(let path):
      "\(path): expected a file, since the trace is read more than once, found a stream: write it to a file first"
    case .arraysInStream(let path, let kind):
      "\(path): arrays (it looks like \(kind.rawValue)) cannot come through a pipe, since they are read at any place: "
        + "write them to a file and give its name"
    case .repeated(let path): "\(path): the file is named twice"
    case .arrays(let error): error.description
    }
  }

  package var fileError: FileError? {
    switch self {
    case .trace(_, let error): error.fileError
    case .folder(let error): error
    case .arrays(let error): error.fileError
    default: nil
    }
  }
}
