import VectorKernels

/// Up to twelve rows of a matrix as the kernel reads them: column by column, and their magnitudes.
struct Panel {
  static let rows = Int(BOUNDED_PRODUCTS_ROWS)

  private var weights: [Double]
  private var magnitudes: [Double]
  private var buffer: [Double] = []

  /// A panel of zeros.
  init(columns: Int) {
    weights = [Double](repeating: 0, count: columns * Self.rows)
    magnitudes = weights
  }

  /// Takes rows of a matrix, the first of them as the panel's first. What other rows hold means nothing.
  mutating func take(_ source: WeightSource, rows: Range<Int>, unit: VectorUnit) {
    let columns = source.columns
    if let floats = source.floats {
      floats(rows) { span in
        span.withUnsafeBufferPointer { elements in
          bounded_panel_pack(unit, elements.baseAddress, columns, rows.count, columns, &weights, &magnitudes)
        }
      }
      return
    }
    if buffer.isEmpty { buffer = [Double](repeating: 0, count: columns) }
    for (r, row) in rows.enumerated() {
      source.fill(row, &buffer)
      put(row: r, buffer[...])
    }
  }

  /// Puts elements into a row.
  mutating func put(row: Int, _ elements: ArraySlice<Double>) {
    var place = row
    for element in elements {
      weights[place] = element
      magnitudes[place] = abs(element)
      place += Self.rows
    }
  }

  /// Puts one element of each row, from the first row on, into a column.
  mutating func put(column: Int, _ elements: ArraySlice<Double>) {
    var place = column * Self.rows
    for element in elements {
      weights[place] = element
      magnitudes[place] = abs(element)
      place += 1
    }
  }

  /// Lends what the kernel reads.
  func withPanel(rows: Int, _ body: (inout BoundedPanel) -> Void) {
    weights.withUnsafeBufferPointer { weights in
      magnitudes.withUnsafeBufferPointer { magnitudes in
        var panel = BoundedPanel(weights: weights.baseAddress, magnitudes: magnitudes.baseAddress, rows: rows)
        body(&panel)
      }
    }
  }
}
