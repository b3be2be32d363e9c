import PlatformLibc
import TraceFormat

/// The memory that a forward pass needs, told before it is taken.
enum ForwardMemory {
  /// How many positions go through the model together where their tokens are known.
  ///
  /// Blocks of 32 read each weight once for 32 positions, and larger ones are hardly faster. Buffers and the two blocks
  /// of a trace that exist at a time may take a quarter of the model's own memory, or 64 MB where that is more: a model
  /// of very long records gets smaller blocks.
  static func blockSize(_ model: borrowing Checkpoint, capacity: Int, scalarSize: Int, groupSize: Int?) -> Int {
    let sizes = model.configuration
    guard
      let buffers = positionByteCount(sizes, capacity: capacity, scalarSize: scalarSize, groupSize: groupSize)
    else { return 1 }
    // In floating point, where nothing overflows.
    var elements = 0.0
    for site in Site.all(quantized: groupSize != nil) {
      let length = sizes.length(of: site, groupSize: groupSize).map(Double.init)
      let layers = site.scope == .layer ? Double(sizes.layerCount) : 1
      elements += (length ?? Double(sizes.headCount) * Double(capacity)) * layers
    }
    let perPosition = Double(buffers) + 2 * elements * Double(scalarSize)
    let room = Double(max(64 << 20, model.byteCount / 4))
    return max(1, Int(min(Double(largestBlock), room / perPosition)))
  }

  private static let largestBlock = 32

  /// Bytes of the buffers of a `ForwardState`; nil when the number overflows.
  ///
  /// - Parameters:
  ///   - capacity: the most positions.
  ///   - blockSize: positions of a block.
  ///   - scalarSize: bytes of an element.
  ///   - groupSize: of an int8 run; nil otherwise.
  static func byteCount(
    _ sizes: Configuration, capacity: Int, blockSize: Int, scalarSize: Int, groupSize: Int?
  ) -> Int? {
    guard
      let perPosition = positionByteCount(sizes, capacity: capacity, scalarSize: scalarSize, groupSize: groupSize)
    else { return nil }
    // Keys and values of all positions; a block's inputs with one position to a lane, 64 bytes of them.
    let (widest, lanes) = (max(sizes.dim, sizes.hiddenDim), 64 / scalarSize)
    let widened = groupSize.map { WidenedBlock.byteCount(blockSize: blockSize, columns: widest, groupSize: $0) }
    return sum([
      [2, sizes.layerCount, capacity, sizes.keyValueDim, scalarSize], [blockSize, perPosition],
      [(blockSize + lanes - 1) / lanes, 64, widest], [widened ?? 0],
    ])
  }

  /// What each position of a block adds, but for inputs that several positions share; nil when the number overflows.
  private static func positionByteCount(
    _ sizes: Configuration, capacity: Int, scalarSize: Int, groupSize: Int?
  ) -> Int? {
    // A row of attention per head; vectors of dim, kv_dim, hidden_dim and vocab_size, cosines and sines, whose sizes
    // are below 2^31, so that their sum cannot overflow.
    let vectors =
      4 * sizes.dim + 2 * sizes.keyValueDim + 2 * sizes.hiddenDim + sizes.vocabularySize + sizes.headSize
    let activations = groupSize.map { sizes.dim + sizes.hiddenDim + (sizes.dim + sizes.hiddenDim) / $0 * 4 }
    return sum([[sizes.headCount, capacity, scalarSize], [vectors, scalarSize], [activations ?? 0]])
  }

  /// The sum of products; nil when it overflows.
  private static func sum(_ products: [[Int]]) -> Int? {
    var total = 0
    for factors in products {
      var product = 1
      for factor in factors {
        let (next, overflow) = product.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        product = next
      }
      let (next, overflow) = total.addingReportingOverflow(product)
      if overflow { return nil }
      total = next
    }
    return total
  }

  /// Whether the system would lend that much memory to this process.
  ///
  /// It is asked for and given back untouched. A system that promises more than it has may still fail later.
  static func isAvailable(_ byteCount: Int) -> Bool {
    guard byteCount > 0 else { return true }
    let flags = MAP_PRIVATE | MAP_ANON
    guard let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, flags, -1, 0), address != MAP_FAILED else {
      return false
    }
    munmap(address, byteCount)
    return true
  }
}
