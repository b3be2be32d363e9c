import TensorArchives
import TraceFormat
import TraceSources

/// What one file of a trace in several parts is.
struct PartSummary {
  let path: String
  /// Its number, where its header says one.
  let number: Int?
  let isComplete: Bool
  let byteCount: Int
  let recordCount: Int

  private init(_ file: borrowing TraceFile) {
    path = file.path
    number = file.header[integer: .part]
    isComplete = file.isComplete && file.problems.isEmpty
    byteCount = file.byteCount
    recordCount = file.recordCount
  }

  /// Number of records that a file holds and an earlier file holds too.
  static func copyCount(of trace: borrowing Trace) -> Int {
    switch trace {
    case .parts(let parts): parts.copyCount
    case .arrays(let arrays): arrays.copyCount
    case .file: 0
    }
  }

  /// The files of a trace in several parts, in the order given; none of any other.
  static func all(of trace: borrowing Trace) -> [PartSummary] {
    switch trace {
    case .parts(let parts): parts.paths.indices.map { number in parts.withPart(number) { PartSummary($0) } }
    default: []
    }
  }
}
