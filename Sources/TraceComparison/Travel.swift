public import TraceFormat

/// How the error travels from the first divergence on, or from the first difference where nothing diverges.
///
/// Of the position where it begins, every record of the starting layer is kept, then one record per later layer and
/// those after the layers; of later positions, the worst record of each. So it holds as many rows as a model has layers
/// and sites, whatever the length of the run.
public struct Travel: Equatable, Sendable {
  /// One record on the way.
  public struct Row: Equatable, Sendable {
    /// Which record.
    public var key: RecordKey
    /// Greatest of `error / max(abs(expected), rms)` over the finite elements.
    public var scaledError: Double
    /// Greatest ratio of error to allowance.
    public var ratio: Double
    /// Elements beyond tolerance.
    public var beyond: Int
    /// Elements.
    public var elementCount: Int
    /// Elements where NaN or an infinity stands against something else.
    public var nonFiniteMismatches: Int
  }

  /// Where it begins; nil when nothing differs.
  public private(set) var start: RecordKey?
  /// The rows of the position where it begins, in the order of execution.
  public private(set) var rows: [Row] = []
  /// The worst record of each of the next positions.
  public private(set) var laterPositions: [Row] = []
  /// Number of later positions with records, those without a row included.
  public private(set) var laterPositionCount = 0
  private var hasDivergence = false
  private var lastPosition = -1

  static let positionCapacity = 10

  init() {}

  /// Takes the next record in the order of execution.
  mutating func add(_ key: RecordKey, _ comparison: RecordComparison) {
    let diverges = !comparison.passes
    if start == nil ? comparison.differing > 0 || diverges : diverges && !hasDivergence {
      self = Travel()
      start = key
      lastPosition = key.position
    }
    hasDivergence = hasDivergence || diverges
    guard let start else { return }
    let row = Row(
      key: key, scaledError: comparison.greatestScaledError, ratio: comparison.ratio, beyond: comparison.beyond,
      elementCount: comparison.elementCount, nonFiniteMismatches: comparison.nonFiniteMismatches)
    if key.position == start.position { addToStart(row, start) } else { addToLater(row) }
  }

  /// Whether a record of equal bytes, the next in the order of execution, would change anything.
  func isShown(equalRecordAt position: Int) -> Bool {
    // No record is less bad: at a later position it only counts as the position's first.
    start.map { position == $0.position || position != lastPosition } ?? false
  }

  private mutating func addToStart(_ row: Row, _ start: RecordKey) {
    let isLaterLayer = row.key.layer != nil && row.key.layer != start.layer
    // A later layer is told by its last record, which is x after the layer where that is recorded.
    if isLaterLayer, let last = rows.last, last.key.layer == row.key.layer {
      if last.key.name != .site(.ffnResidual) { rows[rows.count - 1] = row }
    } else {
      rows.append(row)
    }
  }

  private mutating func addToLater(_ row: Row) {
    if row.key.position != lastPosition {
      lastPosition = row.key.position
      laterPositionCount += 1
      if laterPositions.count < Self.positionCapacity { laterPositions.append(row) }
    } else if laterPositionCount <= Self.positionCapacity, let last = laterPositions.last, row.ratio > last.ratio {
      laterPositions[laterPositions.count - 1] = row
    }
  }
}
