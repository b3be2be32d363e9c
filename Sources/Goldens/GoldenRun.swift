import TraceComparison
import TraceFormat

/// A check on its way.
struct GoldenRun {
  let check: GoldenCheck
  let golden: Golden
  var verdict: GoldenVerdict
  /// Takes every record of the trace too, where a new golden is wanted.
  var recorder: GoldenRecorder?
  /// Records that the trace lacks.
  var lacking: [RecordKey] = []
  var recordingFailure: GoldenError?
  private var measurer = RecordMeasurer()
  private var stored: GoldenCursor
  var search: TokenSearch
  let ranges: (expected: RecordedRange, actual: RecordedRange)
  /// All names that either side holds, those that were not asked for included.
  var names: Set<TensorName>
  var cases: [CaseID: GoldenCase] = [:]
  var mixedTypes = (records: 0, first: RecordKey?.none)
  /// Differing records that pass although zeros in their place would pass too.
  var blind = (records: 0, first: RecordKey?.none)
  var lastPosition = -1
  private var searchedPosition = -1
  /// Whether a position without a token was found.
  private var isTokenless = false
  /// Whether the trace was read to its end.
  private(set) var wasRead = false

  struct CaseID: Hashable {
    let name: TensorName
    let layer: Int?
  }

  init(_ check: GoldenCheck, _ golden: Golden, _ actual: borrowing some TensorSource & ~Copyable) {
    (self.check, self.golden) = (check, golden)
    verdict = GoldenVerdict(
      tolerance: check.tolerance, filter: check.filter, comparesCommonOnly: check.comparesCommonOnly,
      producers: (golden.header.producer, actual.header.producer),
      headers: HeaderComparison(expected: golden.header, actual: actual.header))
    stored = GoldenCursor(golden)
    search = TokenSearch(golden)
    ranges = (RecordedRange(golden.header), RecordedRange(actual.header))
    names = Set(golden.tensors.map(\.name))
  }

  /// The first position that is no longer compared, as far as is known. Of other models nothing is.
  private var end: Int { verdict.headers.conflicts.isEmpty ? search.parting?.position ?? Int.max : 0 }

  /// Visits the records of both sides in the order of execution.
  mutating func merge<Actual: TensorSource & ~Copyable>(_ actual: inout Actual) {
    if !verdict.headers.conflicts.isEmpty && recorder == nil { return }
    wasRead = true
    var first = nextStored()
    var second = next(&actual)
    while first != nil || second != nil {
      if let entry = first, entry.key.position >= end {
        leaveOut(entry.key)
        while let entry = stored.next() { leaveOut(entry.key) }
        first = nil
      } else if let entry = first, let record = second, entry.key == record.key {
        if let measured = recorder == nil ? measure(record.key, actual) : record.measurement {
          compare(entry, measured, actual)
        }
        first = nextStored()
        second = next(&actual)
      } else if let entry = first, second.map({ entry.key < $0.key }) ?? true {
        takeUnmatched(entry.key, of: .expected)
        first = nextStored()
      } else if let record = second {
        takeUnmatched(record.key, of: .actual)
        second = next(&actual)
      }
    }
  }

  /// The golden's next record that was asked for.
  private mutating func nextStored() -> GoldenCursor.Entry? {
    while let entry = stored.next() {
      verdict.held.expected.add(entry.key)
      if check.filter.wants(entry.key) { return entry }
      leaveOut(entry.key)
    }
    return nil
  }

  /// The trace's next record that was asked for and lies before the place where the tokens part. At the end of the
  /// trace all its tokens are known.
  ///
  /// - Returns: its measurement too where a new golden is wanted; else it is read only once it is known to be compared.
  private mutating func next<Actual: TensorSource & ~Copyable>(
    _ actual: inout Actual
  ) -> (key: RecordKey, measurement: Measurement?)? {
    do throws(TraceError) {
      while let key = try actual.next() {
        names.insert(key.name)
        verdict.held.actual.add(key)
        if key.position > searchedPosition {
          searchedPosition = key.position
          search.advance(to: key.position, actual.tokens)
        }
        let isCompared = key.position < end && check.filter.wants(key)
        if isCompared { requireToken(at: key.position, actual) } else { leaveOut(key) }
        let measurement = recorder == nil ? nil : record(key, actual)
        if isCompared { return (key, measurement) }
      }
    } catch { takeProblem("\(error)") }
    search.finish(actual)
    return nil
  }

  /// A position with records and without a token is damage, which is said once.
  private mutating func requireToken(at position: Int, _ actual: borrowing some TensorSource & ~Copyable) {
    guard !isTokenless, actual.hasTokens, actual.tokens[position] == nil else { return }
    isTokenless = true
    if let message = actual.missingToken(at: position) { takeProblem(message) }
  }

  /// Measures a record and takes it into the new golden.
  private mutating func record<Actual: TensorSource & ~Copyable>(
    _ key: RecordKey, _ actual: borrowing Actual
  ) -> Measurement? {
    guard let measurement = measure(key, actual) else { return nil }
    do throws(GoldenError) { try recorder?.add(measurement) } catch { recordingFailure = recordingFailure ?? error }
    return measurement
  }

  /// Measures a record; nil where it is damaged.
  private mutating func measure<Actual: TensorSource & ~Copyable>(
    _ key: RecordKey, _ actual: borrowing Actual
  ) -> Measurement? {
    do throws(TraceError) { return try actual.measured(key, &measurer) } catch {
      takeProblem("\(key): \(error)", at: key)
      return nil
    }
  }
}
