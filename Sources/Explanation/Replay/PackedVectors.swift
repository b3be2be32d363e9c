import VectorKernels

extension Replay {
  /// Up to eight vectors and what the bounds of their products need, one vector per lane: element j of vector v is at
  /// [j * 8 + v]. Lanes without a vector hold zeros.
  struct PackedVectors: Sendable {
    static let lanes = Int(BOUNDED_PRODUCTS_LANES)

    /// Number of vectors.
    let count: Int
    private let memory: AlignedDoubles
    private let columns: Int
    private var groupSize = 0
    private var gamma = 0.0
    private var limit = Double.infinity

    /// Room for vectors, zeros. The second sum of their products is that of magnitudes.
    init(count: Int, columns: Int) {
      self.init(uncleared: count, columns)
      memory.clear()
    }

    private init(uncleared count: Int, _ columns: Int) {
      (self.count, self.columns) = (count, columns)
      memory = AlignedDoubles(count: (2 * columns + 1) * Self.lanes)
    }

    /// Vectors of a product with a bound.
    init(_ vectors: some Collection<Estimate>, _ rule: ProductBound) {
      self.init(uncleared: vectors.count, rule.columns)
      if count < Self.lanes { memory.clear() }
      groupSize = rule.groupSize ?? 0
      (gamma, limit) = (rule.gamma, rule.limit)
      let (values, slacks, floors) = (memory.start, memory.start + columns * Self.lanes, floors)
      for (lane, vector) in vectors.enumerated() {
        precondition(vector.count >= columns && (vector.isExact || vector.errors.count >= columns))
        floors[lane] = rule.floor(vector)
        for j in 0..<columns {
          values[j * Self.lanes + lane] = vector.values[j]
          slacks[j * Self.lanes + lane] = rule.slack(vector.values[j], vector.error(j))
        }
      }
    }

    private var floors: UnsafeMutablePointer<Double> { memory.start + 2 * columns * Self.lanes }

    /// All vectors of a product, eight by eight.
    static func all(_ vectors: [Estimate], _ rule: ProductBound) -> [PackedVectors] {
      let count = (vectors.count + lanes - 1) / lanes
      return concurrentMap(count, work: vectors.count * rule.columns) { pack in
        PackedVectors(vectors[(pack * lanes)..<min((pack + 1) * lanes, vectors.count)], rule)
      }
    }

    /// Puts some elements into a lane, their magnitudes being what they contribute to the second sum; what is lacking
    /// stays zeros.
    func put(_ lane: Int, _ elements: [Double], _ range: Range<Int>) {
      precondition(range.count <= columns && lane < Self.lanes)
      var place = memory.start + lane
      for index in range {
        place[0] = elements[index]
        place[columns * Self.lanes] = abs(elements[index])
        place += Self.lanes
      }
    }

    /// What the kernel reads, for as long as this value lives.
    var kernelVectors: BoundedVectors {
      BoundedVectors(
        values: memory.start, slacks: memory.start + columns * Self.lanes, floors: floors, count: count,
        columns: columns, group: groupSize, gamma: gamma, limit: limit)
    }
  }
}
