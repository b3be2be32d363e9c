import VectorKernels

extension Replay {
  /// Products of vectors with all rows of a matrix, on all processors: of each row what `product` defines, bit for bit.
  ///
  /// Each panel of rows is packed once and multiplied with all vectors. Threads take panels, so each writes to elements of its own.
  ///
  /// - Parameters:
  ///   - unit: the vector unit; tests take each.
  ///   - parts: into how many parts the rows are split; tests take several.
  static func products(
    _ vectors: [Estimate], _ weights: WeightSource, _ rule: ProductBound, into outputs: inout EstimateRows,
    unit: VectorUnit = vector_unit_widest(), parts: Int? = nil
  ) {
    let rows = weights.rows
    outputs.reshape(count: vectors.count, columns: rows)
    guard !vectors.isEmpty, rows > 0 else { return }
    let packs = PackedVectors.all(vectors, rule)
    let lent = packs.map(\.kernelVectors)
    let panels = (rows + Panel.rows - 1) / Panel.rows
    let work = rows * weights.columns * (vectors.count + 4)
    let parts = max(1, min(panels, parts ?? min(32, work >> 16)))
    let results = outputs
    withExtendedLifetime(packs) {
      concurrently(parts) { part in
        var panel = Panel(columns: weights.columns)
        for number in (panels * part / parts)..<(panels * (part + 1) / parts) {
          let start = number * Panel.rows
          let own = start..<min(start + Panel.rows, rows)
          panel.take(weights, rows: own, unit: unit)
          for pack in lent.indices {
            let place = start + pack * PackedVectors.lanes * results.stride
            panel.multiply(lent[pack], rows: own.count, unit: unit, into: results, at: place)
          }
        }
      }
    }
  }
}
