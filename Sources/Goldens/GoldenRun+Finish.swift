import TraceComparison
import TraceFormat

extension GoldenRun {
  /// What comes of a check: the verdict, and what a new golden is made from or why there is none.
  struct Result {
    let verdict: GoldenVerdict
    let recorder: GoldenRecorder?
    let failure: GoldenError?
  }

  /// Adds what can only be said at the end.
  consuming func finish(_ actual: borrowing some TensorSource & ~Copyable) -> Result {
    takeProblems(of: actual)
    takeLacking(actual)
    takeParting()
    verdict.cases = cases.sorted { Self.order($0.key) < Self.order($1.key) }.map(\.value)
    if verdict.headers.conflicts.isEmpty {
      verdict.unused = UnusedPatterns(check.filter, check.tolerance, names: names)
    }
    takeNotes()
    return Result(verdict: verdict, recorder: recorder, failure: recordingFailure)
  }

  private static func order(_ id: CaseID) -> RecordKey { RecordKey(id.name, layer: id.layer, position: 0) }

  private mutating func takeProblems(of actual: borrowing some TensorSource & ~Copyable) {
    let messages = actual.problems.map(\.description)
    for message in messages { takeProblem(message) }
    let isCut = wasRead && !actual.isComplete
    if messages.isEmpty, verdict.problems.isEmpty, isCut { takeProblem("the trace is cut short") }
  }

  private mutating func takeLacking(_ actual: borrowing some TensorSource & ~Copyable) {
    let isDamaged = actual.problems.contains(where: \.isDamage) || !actual.isComplete
    for key in lacking {
      let reason = UnmatchedRecord.Reason(lacking: key, header: ranges.actual, isDamaged: isDamaged)
      let record = UnmatchedRecord(key: key, reason: reason)
      verdict.unmatched.expected.append(record)
      change(key) { $0.takeUnmatched(record, of: .expected) }
    }
  }

  private mutating func takeParting() {
    guard verdict.headers.conflicts.isEmpty, let parting = search.parting else { return }
    if parting.position <= check.filter.positions?.last ?? Int.max {
      verdict.tokensPart = parting
    } else {
      verdict.notes.append("the tokens part at position \(parting.position), after the positions asked for")
    }
  }

  private mutating func takeNotes() {
    if verdict.headers.fingerprintsDiffer, verdict.differingRecords > 0 {
      verdict.notes.append("different weights give different values")
    }
    if let first = blind.first { verdict.notes.append(BlindSpots.ofTolerance(blind.records, first: first)) }
    if lastPosition == 0, verdict.comparedRecords > 0, let warning = BlindSpots.ofFirstPosition(names) {
      verdict.notes.append(warning)
    }
    if let first = mixedTypes.first {
      let records = count(mixedTypes.records, "record")
      verdict.notes.append("compared in float64, for different dtypes: \(records); the first is \(first)")
    }
  }
}
