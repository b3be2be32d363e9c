import VectorKernels

extension Replay {
  /// Up to eight vectors and what the bounds of their products need, one vector per lane: element j of vector v is at
  /// [j * 8 + v]. Lanes without a vector hold zeros.
  struct PackedVectors: Sendable {
    static let lanes = Int(BOUNDED_PRODUCTS_LANES)

    private let count: Int
    private var groupSize = 0
    private var gamma = 0.0
    private var limit = Double.infinity
    private var values: [Double]
    private var slacks: [Double]
    private var floors = [Double](repeating: 0, count: lanes)

    /// Room for vectors, zeros. The second sum of their products is that of magnitudes.
    init(count: Int, columns: Int) {
      self.count = count
      values = [Double](repeating: 0, count: columns * Self.lanes)
      slacks = values
    }

    /// Vectors of a product with a bound.
    init(_ vectors: some Collection<Estimate>, _ rule: ProductBound) {
      self.init(count: vectors.count, columns: rule.columns)
      groupSize = rule.groupSize ?? 0
      (gamma, limit) = (rule.gamma, rule.limit)
      for (lane, vector) in vectors.enumerated() {
        floors[lane] = rule.floor(vector)
        var place = lane
        for j in 0..<rule.columns {
          values[place] = vector.values[j]
          slacks[place] = rule.slack(vector.values[j], vector.error(j))
          place += Self.lanes
        }
      }
    }

    /// All vectors of a product, eight by eight.
    static func all(_ vectors: [Estimate], _ rule: ProductBound) -> [PackedVectors] {
      let count = (vectors.count + lanes - 1) / lanes
      return concurrentMap(count, work: vectors.count * rule.columns) { pack in
        PackedVectors(vectors[(pack * lanes)..<min((pack + 1) * lanes, vectors.count)], rule)
      }
    }

    /// Puts a vector into a lane, its magnitudes being what it contributes to the second sum; what it lacks stays zeros.
    mutating func put(_ lane: Int, _ elements: ArraySlice<Double>) {
      var place = lane
      for element in elements {
        values[place] = element
        slacks[place] = abs(element)
        place += Self.lanes
      }
    }

    /// The products with the rows of a panel, in `bounded_products`.
    ///
    /// - Parameters:
    ///   - outputs: where the first row's result of the first vector goes; those of the others lie `stride` apart.
    ///   - bounds: the same for the bounds.
    func multiply(
      _ panel: borrowing Panel, rows: Int, unit: VectorUnit,
      _ outputs: UnsafeMutablePointer<Double>, _ bounds: UnsafeMutablePointer<Double>, stride: Int
    ) {
      values.withUnsafeBufferPointer { values in
        slacks.withUnsafeBufferPointer { slacks in
          floors.withUnsafeBufferPointer { floors in
            var vectors = BoundedVectors(
              values: values.baseAddress, slacks: slacks.baseAddress, floors: floors.baseAddress, count: count,
              columns: values.count / Self.lanes, group: groupSize, gamma: gamma, limit: limit)
            panel.withPanel(rows: rows) { bounded_products(unit, &vectors, &$0, outputs, bounds, stride) }
          }
        }
      }
    }
  }
}
