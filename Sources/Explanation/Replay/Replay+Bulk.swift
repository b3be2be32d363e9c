import TraceFormat
import VectorKernels

extension Replay {
  /// Products of vectors with all rows of a matrix, on all processors: of each row what `product` defines, bit for bit.
  ///
  /// Each panel of rows is packed once and multiplied with all vectors. Threads take panels, so each writes to elements
  /// of its own.
  ///
  /// - Parameters:
  ///   - packs: the vectors, eight by eight.
  ///   - rows: some of the matrix's rows; nil all.
  ///   - outputs: a row of results per vector.
  ///   - unit: the vector unit; tests take each.
  ///   - parts: into how many parts the rows are split; tests take several.
  static func products(
    _ packs: [PackedVectors], _ weights: WeightSource, rows: Range<Int>? = nil, into outputs: inout EstimateRows,
    unit: VectorUnit = .widest, parts: Int? = nil
  ) {
    let rows = rows ?? 0..<weights.rows
    let count = packs.reduce(0) { $0 + $1.count }
    outputs.reshape(count: count, columns: rows.count)
    guard count > 0, !rows.isEmpty else { return }
    let vectors = packs.map(\.kernelVectors)
    let panels = (rows.count + Panel.rows - 1) / Panel.rows
    let work = rows.count * weights.columns * (count + 4)
    let parts = max(1, min(panels, parts ?? min(32, work >> 16)))
    let results = outputs
    withExtendedLifetime(packs) {
      concurrently(parts) { part in
        var panel = Panel(columns: weights.columns)
        for number in (panels * part / parts)..<(panels * (part + 1) / parts) {
          let start = number * Panel.rows
          let own = (rows.lowerBound + start)..<min(rows.lowerBound + start + Panel.rows, rows.upperBound)
          panel.take(weights, rows: own, unit: unit)
          for pack in vectors.indices {
            let place = start + pack * PackedVectors.lanes * results.stride
            panel.multiply(vectors[pack], rows: own.count, unit: unit, into: results, at: place)
          }
        }
      }
    }
  }
}
