import VectorKernels

/// Up to twelve rows of a matrix as the kernel reads them: column by column, and their magnitudes.
struct Panel {
  static let rows = Int(BOUNDED_PRODUCTS_ROWS)

  private let columns: Int
  private let weights: AlignedDoubles
  private let magnitudes: AlignedDoubles
  private var buffer: [Double] = []

  /// A panel of zeros.
  init(columns: Int) {
    self.columns = columns
    weights = AlignedDoubles(count: columns * Self.rows)
    magnitudes = AlignedDoubles(count: columns * Self.rows)
    weights.clear()
    magnitudes.clear()
  }

  /// Takes rows of a matrix, the first of them as the panel's first. What other rows hold means nothing.
  mutating func take(_ source: WeightSource, rows: Range<Int>, unit: VectorUnit) {
    precondition(rows.count <= Self.rows && source.columns == columns)
    if let floats = source.floats {
      let (columns, weights, magnitudes) = (columns, weights, magnitudes)
      floats(rows) { elements in
        precondition(elements.count == rows.count * columns)
        elements.withUnsafeBufferPointer {
          bounded_panel_pack(unit, $0.baseAddress, columns, rows.count, columns, weights.start, magnitudes.start)
        }
      }
      return
    }
    if buffer.isEmpty { buffer = [Double](repeating: 0, count: columns) }
    for (r, row) in rows.enumerated() {
      source.fill(row, &buffer)
      put(row: r, buffer, 0..<columns)
    }
  }

  /// Puts some elements into a row.
  func put(row: Int, _ elements: [Double], _ range: Range<Int>) {
    precondition(row < Self.rows && range.count == columns)
    var place = row
    for index in range {
      weights.start[place] = elements[index]
      magnitudes.start[place] = abs(elements[index])
      place += Self.rows
    }
  }

  /// Puts some elements, one of each row from the first row on, into a column.
  func put(column: Int, _ elements: [Double], _ range: Range<Int>) {
    precondition(column < columns && range.count <= Self.rows)
    var place = column * Self.rows
    for index in range {
      weights.start[place] = elements[index]
      magnitudes.start[place] = abs(elements[index])
      place += 1
    }
  }

  /// The products of the first rows with vectors, in `bounded_products`.
  ///
  /// - Parameters:
  ///   - vectors: no longer than the panel's rows.
  ///   - outputs: rows of results, one per vector.
  ///   - place: where in `outputs` the first row's result of the first vector goes.
  func multiply(
    _ vectors: BoundedVectors, rows: Int, unit: VectorUnit, into outputs: borrowing EstimateRows, at place: Int
  ) {
    precondition(vectors.columns <= columns && rows <= Self.rows && vectors.count > 0 && rows > 0)
    precondition(place >= 0 && place + (vectors.count - 1) * outputs.stride + rows <= outputs.values.count)
    var (vectors, panel) = (
      vectors, BoundedPanel(weights: weights.start, magnitudes: magnitudes.start, rows: rows)
    )
    bounded_products(
      unit, &vectors, &panel, outputs.values.start + place, outputs.errors.start + place, outputs.stride)
  }
}
