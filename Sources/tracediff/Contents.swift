import TraceComparison
import TraceFormat
import TraceSources

/// What a trace holds, by name.
struct Contents {
  /// All records of one name.
  struct Entry {
    let name: TensorName
    var records = 0
    var layers: ClosedRange<Int>?
    var positions: ClosedRange<Int>
    var smallest: [Int]?
    var greatest: [Int]?
    var hasMixedRank = false
    var types: Set<ElementType> = []
    var nanCount = 0
    var infinityCount = 0
  }

  private(set) var entries: [TensorName: Entry] = [:]

  /// Reads every record of a trace. Memory grows with the number of names alone.
  ///
  /// - Parameter problems: gets a line for every record that is damaged.
  init(_ trace: inout Trace, _ problems: inout Listing<String>) {
    while let key = trace.next() {
      do throws(TraceError) {
        try trace.withRecord(key) { record in add(record) }
      } catch {
        problems.append("\(key): \(error)")
      }
    }
  }

  private mutating func add(_ record: RecordView) {
    let key = record.key
    var entry = entries[key.name] ?? Entry(name: key.name, positions: key.position...key.position)
    entry.records += 1
    entry.positions = entry.positions.extended(to: key.position)
    if let layer = key.layer { entry.layers = entry.layers?.extended(to: layer) ?? layer...layer }
    let dimensions = record.shape.dimensions
    if let smallest = entry.smallest, let greatest = entry.greatest {
      entry.hasMixedRank = entry.hasMixedRank || smallest.count != dimensions.count
      entry.smallest = zip(smallest, dimensions).map { min($0, $1) }
      entry.greatest = zip(greatest, dimensions).map { max($0, $1) }
    } else {
      entry.smallest = dimensions
      entry.greatest = dimensions
    }
    entry.types.insert(record.elementType)
    let summary = PayloadSummary(record)
    entry.nanCount += summary.nanCount
    entry.infinityCount += summary.infinityCount
    entries[key.name] = entry
  }

  /// The entries in the order of execution.
  var sorted: [Entry] {
    entries.values.sorted { left, right in
      (left.name.site?.rank ?? Int.max, left.name) < (right.name.site?.rank ?? Int.max, right.name)
    }
  }
}

extension Contents.Entry {
  /// As `64` or `8 x 1..12`.
  var shape: String {
    guard !hasMixedRank, let smallest, let greatest else { return "several" }
    if smallest.isEmpty { return "scalar" }
    return zip(smallest, greatest).map { $0 == $1 ? "\($0)" : "\($0)..\($1)" }.joined(separator: " x ")
  }

  /// As `float32`.
  var dtype: String { types.map(\.name).sorted().joined(separator: "/") }
}
