import PlatformLibc

/// The memory that a forward pass needs, told before it is taken.
enum ForwardMemory {
  /// Bytes of the buffers of a `ForwardState` for blocks of one position; nil when the number overflows.
  ///
  /// - Parameters:
  ///   - capacity: the most positions.
  ///   - scalarSize: bytes of an element.
  ///   - groupSize: of an int8 run; nil otherwise.
  static func byteCount(_ sizes: Configuration, capacity: Int, scalarSize: Int, groupSize: Int?) -> Int? {
    var total = 0
    func add(_ factors: Int...) -> Bool {
      var product = 1
      for factor in factors {
        let (next, overflow) = product.multipliedReportingOverflow(by: factor)
        if overflow { return false }
        product = next
      }
      let (sum, overflow) = total.addingReportingOverflow(product)
      total = sum
      return !overflow
    }
    // Keys and values of all positions; a row of attention per head; vectors of dim, kv_dim, hidden_dim and vocab_size,
    // whose sizes are below 2^31, so that their sum cannot overflow.
    let vectors = 4 * sizes.dim + 2 * sizes.keyValueDim + 2 * sizes.hiddenDim + sizes.vocabularySize
    guard add(2, sizes.layerCount, capacity, sizes.keyValueDim, scalarSize),
      add(sizes.headCount, capacity, scalarSize), add(vectors, scalarSize)
    else { return nil }
    guard let groupSize else { return total }
    let activations = sizes.dim + sizes.hiddenDim
    return add(activations) && add(activations / groupSize, 4) ? total : nil
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
