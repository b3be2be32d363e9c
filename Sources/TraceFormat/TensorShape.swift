/// Up to four dimensions, slowest first, held in place so that a record's key and shape cost no allocation.
public struct TensorShape: Hashable, Sendable {
  /// The most dimensions a record can have.
  public static let maximumRank = 4

  private var extents = SIMD4<UInt32>(repeating: 0)
  /// Number of dimensions, 0 to 4. A tensor of rank 0 has one element.
  public private(set) var rank: Int

  /// A shape; nil when there are more than four dimensions or one does not fit into 32 bits.
  public init?(_ dimensions: [Int]) {
    guard dimensions.count <= Self.maximumRank else { return nil }
    rank = dimensions.count
    for (index, dimension) in dimensions.enumerated() {
      guard let extent = UInt32(exactly: dimension) else { return nil }
      extents[index] = extent
    }
  }

  /// A vector of `count` elements; traps when they do not fit into 32 bits.
  public init(vector count: Int) {
    rank = 1
    extents[0] = UInt32(count)
  }

  /// A matrix; traps when a dimension does not fit into 32 bits.
  public init(rows: Int, columns: Int) {
    rank = 2
    extents[0] = UInt32(rows)
    extents[1] = UInt32(columns)
  }

  package init(rank: Int, extents: SIMD4<UInt32>) {
    self.rank = rank
    self.extents = extents
  }

  /// The dimensions, slowest first.
  public var dimensions: [Int] { (0..<rank).map { Int(extents[$0]) } }

  package func extent(_ index: Int) -> UInt32 { extents[index] }

  /// Number of elements; nil when it overflows.
  public var elementCount: Int? {
    var count = 1
    for index in 0..<rank {
      let (product, overflow) = count.multipliedReportingOverflow(by: Int(extents[index]))
      if overflow { return nil }
      count = product
    }
    return count
  }

  /// The coordinates of the element with a given place in row-major order.
  ///
  /// - Parameter offset: from 0; below the number of elements.
  public func coordinates(of offset: Int) -> [Int] {
    var rest = offset
    var result = [Int](repeating: 0, count: rank)
    for index in stride(from: rank - 1, through: 0, by: -1) {
      let extent = max(1, Int(extents[index]))
      result[index] = rest % extent
      rest /= extent
    }
    return result
  }
}

extension TensorShape: CustomStringConvertible {
  /// As `8 x 12`; a single number for a vector, `scalar` without dimensions.
  public var description: String {
    rank == 0 ? "scalar" : dimensions.map(String.init).joined(separator: " x ")
  }
}
