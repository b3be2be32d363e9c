import TraceFormat

/// Why a trace could not be checked: a case per broken rule of `docs/testing.md`.
enum ExpectationError: Error, Equatable {
  /// The environment asks for a recording mode that there is not.
  case unknownMode(String)
  /// The folder of the test's source file is not on this machine.
  case noTestFolder(String)
  /// A reference is to be recorded, and its name does not tell as what.
  case unknownEnding(String)
  /// Trace and reference are one file.
  case sameFile(String)
  /// A distance in ulp was asked for, which a golden cannot tell.
  case ulpOfGolden(String)
  /// A pattern of the filter or the tolerance matches no tensor.
  case unusedPattern(argument: String, pattern: String)
  /// The trace under test cannot be read.
  case unreadableActual(String)
  /// The reference cannot be read.
  case unreadableReference(String)
  /// The user's recording broke a rule of the trace format.
  case invalidRecording(String)
  /// The reference cannot be written, or the trace cannot become one.
  case cannotRecord(String)
}

extension ExpectationError: CustomStringConvertible {
  /// One line in lower case.
  var description: String {
    switch self {
    case .unknownMode(let word):
      "\(RecordChoice.variable) is '\(visibleText(word.utf8))': expected "
        + TraceRecordMode.allCases.map(\.rawValue).joined(separator: ", ")
    case .noTestFolder(let path):
      "the folder of the test's source file does not exist: expected \(path); name the reference by its whole path"
    case .unknownEnding(let path):
      "\(path): cannot tell what to record: expected a name that ends in .golden or .trace"
    case .sameFile(let path): "\(path): the trace under test is its own reference"
    case .ulpOfGolden(let path):
      "\(path): a golden does not tell ulps: expected rtol, atol or exact, or a trace as the reference"
    case .unusedPattern(let argument, let pattern):
      "\(argument): no tensor of the reference or the trace matches '\(visibleText(pattern.utf8))'"
    case .unreadableActual(let reason): "the trace cannot be read: \(reason)"
    case .unreadableReference(let reason): "the reference cannot be read: \(reason)"
    case .invalidRecording(let reason): "the tensors were not recorded: \(reason)"
    case .cannotRecord(let reason): "the reference cannot be recorded: \(reason)"
    }
  }
}

extension FileErrorCarrier {
  /// The error with the file's name before it, unless it has it already.
  func naming(_ path: String) -> String { fileError?.description ?? "\(path): \(self)" }
}
