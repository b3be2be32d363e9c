import Dispatch
import Synchronization
import TraceFormat

/// Records of two files that are compared on all processors at once, as many as fit into little memory.
///
/// They are cut into runs, one after the other in the order of execution. A processor compares one run at a time, and
/// what comes of the runs is taken in their order.
struct PairBatch {
  /// Two records of one key.
  struct Pair {
    var expected: Int
    var actual: Int
    /// Number of their name among both files' names.
    var name: Int32
    /// Where they are counted if their bytes are equal; -1 where that is looked up.
    var place: Int32
  }

  /// What comes of a run.
  struct Run: Sendable {
    /// One after the other in the order of execution; pairs by their numbers in the batch.
    enum Step: Sendable {
      /// Records of equal bytes and finite elements, and where their numbers of elements stand in `elementCounts`.
      case equal(Range<Int>, elementCounts: Range<Int>)
      /// A record, by its place in `compared`.
      case compared(pair: Int, place: Int)
      case obstacle(pair: Int, Obstacle)
    }

    fileprivate(set) var steps: [Step] = []
    fileprivate(set) var compared: [ComparedRecord] = []
    /// Number of elements of each record of equal bytes, one after the other.
    fileprivate(set) var elementCounts: [Int] = []
  }

  private let runBytes: Int
  private let runRecords: Int
  private let runCount: Int
  private(set) var pairs: [Pair] = []
  /// What came of the runs; kept from batch to batch, so that they need no new memory.
  private var runs: [Run] = []
  /// Where each run but the last ends.
  private var runEnds: [Int] = []
  private var bytesOfRun = 0

  /// What came of the pairs, in the order of execution.
  var finishedRuns: ArraySlice<Run> { runs.prefix(runEnds.count) }

  /// An empty batch.
  ///
  /// - Parameters:
  ///   - runBytes: a run ends when it has this many bytes of one trace,
  ///   - runRecords: or this many records.
  ///   - runCount: a batch is full after this many runs.
  init(runBytes: Int = 1 << 18, runRecords: Int = 64, runCount: Int = 64) {
    (self.runBytes, self.runRecords, self.runCount) = (runBytes, runRecords, runCount)
  }

  var isFull: Bool { runEnds.count == runCount }

  mutating func append(_ pair: Pair, byteCount: Int) {
    pairs.append(pair)
    bytesOfRun += byteCount
    if bytesOfRun >= runBytes || pairs.count - (runEnds.last ?? 0) >= runRecords {
      runEnds.append(pairs.count)
      bytesOfRun = 0
    }
  }

  mutating func removeAll() {
    pairs.removeAll(keepingCapacity: true)
    runEnds.removeAll(keepingCapacity: true)
    bytesOfRun = 0
  }

  /// Compares all pairs and leaves what comes of them in `finishedRuns`.
  ///
  /// - Parameter wantsFlip: whether it is of interest which token the logits favour.
  mutating func compare(
    _ expected: borrowing TraceFile, _ actual: borrowing TraceFile, _ names: PairedNames, wantsFlip: Bool
  ) {
    if (runEnds.last ?? 0) < pairs.count { runEnds.append(pairs.count) }
    let (pairs, ends) = (pairs, runEnds)
    let extra = max(0, ends.count - runs.count)
    let shared = Mutex(runs + [Run](repeating: Run(), count: extra))
    runs = []
    DispatchQueue.concurrentPerform(iterations: ends.count) { number in
      // Taken out, so that no two threads work on one array.
      var run = shared.withLock { runs in
        let run = runs[number]
        runs[number] = Run()
        return run
      }
      let range = (number > 0 ? ends[number - 1] : 0)..<ends[number]
      run.compare(pairs, range, expected, actual, names, wantsFlip)
      shared.withLock { $0[number] = run }
    }
    runs = shared.withLock { $0 }
  }
}

extension PairBatch.Run {
  /// Compares some of a batch's pairs.
  fileprivate mutating func compare(
    _ pairs: [PairBatch.Pair], _ range: Range<Int>, _ expected: borrowing TraceFile, _ actual: borrowing TraceFile,
    _ names: PairedNames, _ wantsFlip: Bool
  ) {
    steps.removeAll(keepingCapacity: true)
    compared.removeAll(keepingCapacity: true)
    elementCounts.removeAll(keepingCapacity: true)
    var equalFrom = range.lowerBound
    for number in range {
      let pair = pairs[number]
      let (first, second) = (expected.entry(at: pair.expected), actual.entry(at: pair.actual))
      // What both traces hold in the same bytes is of no other interest than its counts of NaN and infinity.
      if let equal = expected.equalRecords(first, actual, second), equal.isFinite {
        elementCounts.append(equal.elementCount)
        continue
      }
      appendEqual(equalFrom..<number)
      equalFrom = number + 1
      if let obstacle = compare(pair, expected, actual, names.limits[Int(pair.name)], wantsFlip) {
        steps.append(.obstacle(pair: number, obstacle))
      } else {
        steps.append(.compared(pair: number, place: compared.count - 1))
      }
    }
    appendEqual(equalFrom..<range.upperBound)
  }

  /// Adds the step of consecutive equal records, whose numbers of elements were counted last.
  private mutating func appendEqual(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    steps.append(.equal(range, elementCounts: (elementCounts.count - range.count)..<elementCounts.count))
  }

  /// Compares one record of both files, and adds what comes of it to `compared`.
  ///
  /// - Returns: why they cannot be compared, and then nothing is added.
  private mutating func compare(
    _ pair: PairBatch.Pair, _ expected: borrowing TraceFile, _ actual: borrowing TraceFile, _ limits: Limits,
    _ wantsFlip: Bool
  ) -> Obstacle? {
    do throws(TraceError) {
      return try expected.withRecord(at: pair.expected) { first in
        do throws(TraceError) {
          return try actual.withRecord(at: pair.actual) { second in
            guard let record = ComparedRecord(first, second, limits, wantsFlip: wantsFlip) else {
              return Obstacle.shapes(first.shape, second.shape)
            }
            compared.append(record)
            return nil
          }
        } catch {
          return .unreadable(.actual, "\(actual.key(at: pair.actual)): \(error)")
        }
      }
    } catch {
      return .unreadable(.expected, "\(expected.key(at: pair.expected)): \(error)")
    }
  }
}
