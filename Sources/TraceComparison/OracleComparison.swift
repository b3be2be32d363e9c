package import JSONText
public import TraceFormat

/// How far two runs lie from an oracle, a trace of higher precision: the actual run's error against the expected run's
/// own.
///
/// It gives numbers and no verdict: of two honest runs either may lie nearer, by chance, and how much farther is too
/// far depends on what one wants. Whether an error is rounding at all is what `tracediff explain` answers. The error of
/// a site at a layer is the root mean square of the difference from the oracle over all positions, over the oracle's
/// root mean square.
public struct OracleComparison: Equatable, Sendable {
  /// A site at one layer, over all positions.
  public struct Row: Equatable, Sendable {
    /// The name.
    public let name: TensorName
    /// nil outside the layers.
    public let layer: Int?
    /// Number of records.
    public internal(set) var records = 0
    /// The position of the actual run's greatest error.
    public internal(set) var position = 0
    fileprivate var squares = Squares()
    fileprivate var greatest = -1.0

    /// Error of the expected run.
    public var expectedError: Double { squares.relative(squares.expected) }
    /// Error of the actual run.
    public var actualError: Double { squares.relative(squares.actual) }

    /// The actual run's error over the expected run's; infinite where only the actual run has one.
    public var ratio: Double {
      actualError == 0 ? 0 : expectedError == 0 ? .infinity : actualError / expectedError
    }
  }

  /// Sums of squares: of the errors of both runs, and of the oracle.
  fileprivate struct Squares: Equatable, Sendable {
    var expected = 0.0
    var actual = 0.0
    var oracle = 0.0

    func relative(_ errors: Double) -> Double {
      errors == 0 ? 0 : oracle > 0 ? (errors / oracle).squareRoot() : .infinity
    }
  }

  /// Who wrote the oracle.
  public internal(set) var producer: String
  /// One row per site and layer, in the order of execution.
  public private(set) var rows: [Row] = []
  /// Number of records that the oracle lacks or holds in another shape.
  public private(set) var missing = 0
  /// What makes the oracle doubtful.
  public private(set) var doubts: [String] = []
  /// The first position at which the oracle's tokens differ; nothing is judged from there on.
  public private(set) var tokensPart: Int?
  private var places: [Key: Int] = [:]

  private struct Key: Hashable {
    let name: TensorName
    let layer: Int?
  }

  /// The row with the greatest ratio.
  public var worst: Row? { rows.max { ($0.ratio, $0.actualError) < ($1.ratio, $1.actualError) } }

  /// Judges two traces by a third; the records that all three hold and the filter wants.
  ///
  /// - Complexity: O(n) in the bytes of the traces; memory does not grow with the number of positions.
  public init<Expected: TensorSource & ~Copyable, Actual: TensorSource & ~Copyable, Oracle: TensorSource & ~Copyable>(
    _ expected: inout Expected, _ actual: borrowing Actual, oracle: borrowing Oracle, filter: RecordFilter
  ) throws(TraceError) {
    producer = oracle.header.producer
    doubts = Self.doubts(oracle.header, of: expected.header)
    let parting = [TokenParting(expected, oracle)?.position, TokenParting(expected, actual)?.position]
    tokensPart = parting.compactMap { $0 }.min()
    while let key = try expected.next() {
      guard filter.wants(key), key.position < tokensPart ?? Int.max else { continue }
      guard let reference = Self.values(oracle, key), let first = Self.squares(expected, key, reference),
        let second = Self.squares(actual, key, reference)
      else {
        missing += 1
        continue
      }
      take(key, expected: first, actual: second, oracle: reference.reduce(0) { $1.isFinite ? $0 + $1 * $1 : $0 })
    }
    rows.sort { RecordKey($0.name, layer: $0.layer, position: 0) < RecordKey($1.name, layer: $1.layer, position: 0) }
  }

  /// What makes an oracle doubtful, by its header.
  private static func doubts(_ oracle: TraceHeader, of expected: TraceHeader) -> [String] {
    var doubts: [String] = []
    if oracle[text: .precision] != "f64" {
      let precision = oracle[text: .precision].map { "its precision is \(visibleText($0.utf8))" }
      doubts.append("the oracle is not known to be float64: \(precision ?? "its header does not say")")
    }
    if let own = oracle[text: .checkpointFingerprint], let other = expected[text: .checkpointFingerprint], own != other
    {
      doubts.append("the oracle was made from another checkpoint: fingerprint \(visibleText(own.utf8))")
    }
    return doubts
  }

  /// A damaged record counts as missing; the comparison itself reports it.
  private static func values<Source: TensorSource & ~Copyable>(
    _ source: borrowing Source, _ key: RecordKey
  ) -> [Double]? {
    try? source.withRecord(key) { record in (0..<record.elementCount).map { record.element($0) } }
  }

  /// The squares of the differences; infinite where one value is not finite and the other not the same.
  private static func squares<Source: TensorSource & ~Copyable>(
    _ source: borrowing Source, _ key: RecordKey, _ oracle: [Double]
  ) -> Double? {
    let result = try? source.withRecord(key) { record -> Double? in
      guard record.elementCount == oracle.count else { return nil }
      var sum = 0.0
      for index in oracle.indices {
        let value = record.element(index)
        guard value.isFinite, oracle[index].isFinite else {
          if value == oracle[index] || value.isNaN && oracle[index].isNaN { continue }
          return .infinity
        }
        sum += (value - oracle[index]) * (value - oracle[index])
      }
      return sum
    }
    return result ?? nil
  }

  private mutating func take(_ key: RecordKey, expected: Double, actual: Double, oracle: Double) {
    let own = Key(name: key.name, layer: key.layer)
    let place = places[own] ?? rows.count
    if place == rows.count {
      places[own] = place
      rows.append(Row(name: key.name, layer: key.layer))
    }
    rows[place].records += 1
    rows[place].squares.expected += expected
    rows[place].squares.actual += actual
    rows[place].squares.oracle += oracle
    if actual > rows[place].greatest {
      rows[place].greatest = actual
      rows[place].position = key.position
    }
  }
}

extension OracleComparison {
  private static let rowLimit = 20

  /// The section of the report: the verdict, and the rows with the greatest ratios in the order of execution.
  public var text: String {
    var lines = ["Against the oracle (\(producer)): \(headline)"]
    lines += doubts.map { "  warning: \($0)" }
    if let tokensPart { lines.append("  the tokens part at position \(tokensPart); judged up to there") }
    if missing > 0 { lines.append("  not judged: \(count(missing, "record")) that not all three traces hold alike") }
    guard !rows.isEmpty else { return lines.joined(separator: "\n") + "\n" }
    lines.append("  (error: rms of the difference from the oracle over the oracle's rms, all positions together)")
    lines.append("  site             layer    expected's error    actual's error    ratio   greatest at position")
    let shown = Set(
      rows.indices.sorted { rows[$0].ratio > rows[$1].ratio }.prefix(Self.rowLimit))
    for index in rows.indices where shown.contains(index) { lines.append("  " + Self.line(rows[index])) }
    if rows.count > shown.count {
      lines.append("  ... \(count(rows.count - shown.count, "row")) more, with smaller ratios")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The verdict in words.
  public var headline: String {
    guard let worst else { return "nothing to judge" }
    let place = worst.name.text + (worst.layer.map { ", layer \($0)" } ?? "")
    let farther = rows.count { $0.ratio > 1 }
    return "actual's error is at most \(Self.short(worst.ratio)) times expected's, at \(place); it is the greater in "
      + "\(farther) of \(count(rows.count, "row"))"
  }

  private static func line(_ row: Row) -> String {
    func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(1, width - text.count)) + text
    }
    return row.name.text + right(row.layer.map(String.init) ?? "-", 22 - row.name.text.count)
      + right(short(row.expectedError), 20) + right(short(row.actualError), 18) + right(short(row.ratio), 9)
      + right(String(row.position), 23)
  }

  private static func short(_ value: Double) -> String { NumberText.rounded(value, digits: 3) }

  /// The object of the JSON document.
  package var json: JSONValue {
    func value(_ row: Row) -> JSONValue {
      .object([
        ("site", .string(row.name.text)), ("layer", JSONValue(row.layer)), ("records", .integer(row.records)),
        ("expected_error", .number(row.expectedError)), ("actual_error", .number(row.actualError)),
        ("ratio", .number(row.ratio)), ("position", .integer(row.position)),
      ])
    }
    return .object([
      ("producer", .string(producer)), ("doubts", .array(doubts.map { .string($0) })),
      ("tokens_part_at", JSONValue(tokensPart)), ("not_judged", .integer(missing)),
      ("rows", .array(rows.prefix(100).map(value))), ("row_count", .integer(rows.count)),
      ("worst", worst.map(value) ?? .null),
    ])
  }
}
