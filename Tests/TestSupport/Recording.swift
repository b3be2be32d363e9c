package import Model
package import TraceFormat

/// An observer that keeps what it sees, as bits.
package struct Recording: ForwardObserver {
  /// Every record's elements, as float64, which holds every format exactly.
  package private(set) var records: [RecordKey: [Double]] = [:]
  /// The keys in the order in which they were observed.
  package private(set) var order: [RecordKey] = []
  /// The tokens in the order of their positions.
  package private(set) var tokens: [Int] = []

  /// An observer that has seen nothing.
  package init() {}

  /// Keeps the token.
  package mutating func begin(position: Int, token: Int) { tokens.append(token) }

  /// Everything.
  package func wants(_ site: Site, layer: Int?, position: Int) -> Bool { true }

  /// Keeps the rows.
  package mutating func observe<Element: TraceElement>(
    _ site: Site, layer: Int?, positions: Range<Int>, _ values: MatrixView<Element>
  ) {
    for (r, position) in positions.enumerated() {
      let row = values[row: r]
      let key = RecordKey(site, layer: layer, position: position)
      records[key] = row.indices.map { Element.elementType.load(row.bytes, at: $0) }
      order.append(key)
    }
  }
}
