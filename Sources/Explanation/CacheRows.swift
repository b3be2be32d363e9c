import TraceFormat
import TraceSources

/// The rows of a cached site, position by position from 0 on. Recorded rows stay in the trace, so that the cache of a
/// long trace takes no memory.
struct CacheRows: Sendable {
  private enum Row: Sendable {
    /// Nothing is known.
    case unknown
    /// What the trace holds, whose record has been read and verified; number of its elements.
    case recorded(count: Int)
    /// An estimate; nothing was recorded.
    case computed(Estimate)
  }

  private let step: Step
  private var rows: [Row] = []
  /// How many rows from the first on are known.
  private(set) var knownCount = 0
  /// How many rows from the first on are known without error.
  private(set) var exactCount = 0

  var count: Int { rows.count }

  /// No rows yet of a step.
  init(_ step: Step) { self.step = step }

  mutating func append(_ more: [TraceReplay.Row]) {
    for row in more {
      guard let result = row.result else {
        rows.append(.unknown)
        continue
      }
      if knownCount == rows.count {
        if exactCount == rows.count, result.isExact { exactCount += 1 }
        knownCount += 1
      }
      rows.append(row.isRecorded ? .recorded(count: result.count) : .computed(result))
    }
  }

  /// Forgets what was appended from a position on.
  mutating func truncate(to count: Int) {
    guard count < rows.count else { return }
    rows.removeLast(rows.count - count)
    knownCount = min(knownCount, count)
    exactCount = min(exactCount, count)
  }

  /// The known rows before a position, up to the first that is not known.
  ///
  /// A recorded row is read again, and may be gone: the file may have been changed since. Then it is forgotten, and so
  /// nothing is known from there on.
  ///
  /// - Returns: the rows, and the record that is gone; nil where none is.
  mutating func known(before end: Int, _ tensors: RecordedTensors) -> (rows: [Estimate], lost: RecordKey?) {
    let count = min(end, knownCount)
    var known: [Estimate] = []
    known.reserveCapacity(count)
    for position in 0..<count {
      switch rows[position] {
      case .computed(let estimate): known.append(estimate)
      case .recorded(let count):
        let key = RecordKey(step.site, layer: step.layer, position: position)
        let tensor = tensors.trace.withVerifiedRecord(key) { RecordedTensor($0).estimate }
        guard let tensor, tensor.count == count else {
          forget(from: position)
          return (known, key)
        }
        known.append(tensor)
      case .unknown: preconditionFailure("rows before knownCount are known")
      }
    }
    return (known, nil)
  }

  /// Takes the row of a position and all behind it for unknown.
  private mutating func forget(from position: Int) {
    rows[position] = .unknown
    knownCount = min(knownCount, position)
    exactCount = min(exactCount, position)
  }
}
