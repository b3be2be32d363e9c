import VectorKernels

extension Replay {
  /// Vectors with what their products' bounds need, eight by eight, one per lane: element j of vector v is at
  /// [(v / 8 * columns + j) * 8 + v % 8]. Lanes without a vector hold zeros.
  struct PackedVectors: Sendable {
    static let lanes = Int(BOUNDED_PRODUCTS_LANES)

    /// Number of vectors.
    let count: Int
    /// Number of elements of each.
    let columns: Int
    /// Columns of a quantization group; 0 where sums have no groups.
    var groupSize = 0
    /// Factor of the groups' magnitudes.
    var gamma = 0.0
    /// Bounds from here on are infinite.
    var limit = Double.infinity
    var values: [Double]
    var slacks: [Double]
    var floors: [Double]

    /// Room for vectors, zeros.
    init(count: Int, columns: Int) {
      let packs = (count + Self.lanes - 1) / Self.lanes
      (self.count, self.columns) = (count, columns)
      values = [Double](repeating: 0, count: packs * columns * Self.lanes)
      slacks = values
      floors = [Double](repeating: 0, count: packs * Self.lanes)
    }

    /// Vectors of a product with a bound.
    init(_ vectors: [Estimate], _ rule: ProductBound) {
      self.init(count: vectors.count, columns: rule.columns)
      groupSize = rule.groupSize ?? 0
      (gamma, limit) = (rule.gamma, rule.limit)
      for (number, vector) in vectors.enumerated() {
        floors[number] = rule.floor(vector)
        let slacks = rule.slacks(vector)
        let start = number / Self.lanes * columns * Self.lanes + number % Self.lanes
        for j in 0..<columns {
          values[start + j * Self.lanes] = vector.values[j]
          self.slacks[start + j * Self.lanes] = slacks[j]
        }
      }
    }

    /// Lends what the kernel reads.
    func withVectors(_ body: (BoundedVectors) -> Void) {
      values.withUnsafeBufferPointer { values in
        slacks.withUnsafeBufferPointer { slacks in
          floors.withUnsafeBufferPointer { floors in
            body(
              BoundedVectors(
                values: values.baseAddress, slacks: slacks.baseAddress, floors: floors.baseAddress, count: count,
                stride: columns, columns: columns, group: groupSize, gamma: gamma, limit: limit))
          }
        }
      }
    }
  }
}

/// Up to twelve rows of a matrix as the kernel reads them: column by column, and their magnitudes.
struct Panel {
  static let rows = Int(BOUNDED_PRODUCTS_ROWS)

  private var weights: [Double]
  private var magnitudes: [Double]
  private var buffer: [Double] = []

  init(columns: Int) {
    weights = [Double](repeating: 0, count: columns * Self.rows)
    magnitudes = weights
  }

  /// Takes rows of a matrix, the rest of the panel's being zeros.
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
      take(buffer, row: r, columns: columns)
    }
    for r in rows.count..<Self.rows { clear(row: r, columns: columns) }
  }

  /// Takes one row.
  mutating func take(_ elements: [Double], row: Int, columns: Int) {
    var place = row
    for j in 0..<columns {
      weights[place] = elements[j]
      magnitudes[place] = abs(elements[j])
      place += Self.rows
    }
  }

  /// Makes one row zeros.
  mutating func clear(row: Int, columns: Int) {
    for j in 0..<columns {
      weights[j * Self.rows + row] = 0
      magnitudes[j * Self.rows + row] = 0
    }
  }

  /// Lends what the kernel reads.
  func withPanel(rows: Int, _ body: (BoundedPanel) -> Void) {
    weights.withUnsafeBufferPointer { weights in
      magnitudes.withUnsafeBufferPointer { magnitudes in
        body(BoundedPanel(weights: weights.baseAddress, magnitudes: magnitudes.baseAddress, rows: rows))
      }
    }
  }
}
