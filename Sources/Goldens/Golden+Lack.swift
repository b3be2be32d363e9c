import TraceComparison
import TraceFormat

extension Golden {
  /// How many missing records are counted: a damaged header may promise any number.
  private static let lackLimit = 1000

  /// What is missing of the records that the header says were recorded, in words; nil where nothing is.
  var lack: String? {
    var cursor = GoldenCursor(self)
    var keys: [RecordKey] = []
    while let entry = cursor.next() { keys.append(entry.key) }
    let positions = tokens.isEmpty ? Set(keys.map(\.position)) : Set(tokens.keys)
    let missing = RecordedRange(header).missing(among: keys, positions: positions.sorted(), limit: Self.lackLimit)
    guard let first = missing.first else { return nil }
    let number =
      count(min(missing.count, Self.lackLimit), "record") + (missing.count < Self.lackLimit ? "" : " or more")
    return "\(number) that its header promises by sites, layers and positions, first \(first)"
  }
}
