import TraceFormat

/// The rows of a cached site, position by position from 0 on. Recorded rows stay in the trace, so that the cache of a long trace
/// takes no memory.
struct CacheRows: Sendable {
  private enum Row: Sendable {
    /// Nothing is known.
    case unknown
    /// What the trace holds, whose record has been read and verified.
    case recorded
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
      rows.append(row.isRecorded ? .recorded : .computed(result))
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
  func known(before end: Int, _ tensors: RecordedTensors) -> [Estimate] {
    (0..<min(end, knownCount)).map { position in
      switch rows[position] {
      case .computed(let estimate): return estimate
      case .recorded:
        let key = RecordKey(step.site, layer: step.layer, position: position)
        if let tensor = tensors.trace.withVerifiedRecord(key, { RecordedTensor($0).estimate }) { return tensor }
        preconditionFailure("a record that was read and verified is there: \(key)")
      case .unknown: preconditionFailure("rows before knownCount are known")
      }
    }
  }
}
