public import TraceFormat

/// A small trace made of seeded numbers, to be changed at will and written to a file.
public struct SyntheticTrace: Sendable {
  /// A record's contents.
  public struct Record: Sendable {
    /// Format of the elements.
    public var type: ElementType
    /// Dimensions.
    public var shape: [Int]
    /// The payload.
    public var bytes: [UInt8]

    /// A record of given bytes.
    public init(type: ElementType, shape: [Int], bytes: [UInt8]) {
      self.type = type
      self.shape = shape
      self.bytes = bytes
    }

    /// A record of float32.
    public init(_ values: [Float], shape: [Int]? = nil) {
      self.init(type: .float32, shape: shape ?? [values.count], bytes: values.withUnsafeBytes { Array($0) })
    }

    /// A record of float64.
    public init(_ values: [Double], shape: [Int]? = nil) {
      self.init(type: .float64, shape: shape ?? [values.count], bytes: values.withUnsafeBytes { Array($0) })
    }

    /// The payload as float32.
    public var floats: [Float] {
      get {
        bytes.withUnsafeBytes { bytes in
          (0..<(bytes.count / 4)).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
      }
      set { bytes = newValue.withUnsafeBytes { Array($0) } }
    }
  }

  /// What is known of the run.
  public var header: TraceHeader
  /// The tokens by position.
  public var tokens: [Int: TraceToken] = [:]
  /// The records.
  public var records: [RecordKey: Record] = [:]

  /// A trace without tokens and records.
  public init(emptyFrom producer: String) { header = TraceHeader(producer: producer) }

  /// A run of a model with dim 8, two heads, hidden_dim 12, a vocabulary of 16 and a context of 32.
  public init(seed: UInt64 = 1, layers: Int = 2, positions: Int = 3, producer: String = "synthetic 1") {
    self.init(emptyFrom: producer)
    let sizes: [(HeaderField, Int)] = [
      (.dim, 8), (.hiddenDim, 12), (.layerCount, layers), (.headCount, 2), (.keyValueHeadCount, 2),
      (.vocabularySize, 16), (.sequenceLength, 32), (.steps, positions),
    ]
    for (field, size) in sizes { header[integer: field] = size }
    var generator = SplitMix(seed: seed)
    for position in 0..<positions {
      tokens[position] = TraceToken(id: position + 1, text: Array("t\(position)".utf8))
      for site in Site.all(quantized: false) {
        for layer in site.scope == .layer ? (0..<layers).map(Optional.some) : [nil] {
          let shape = Self.shape(site, position: position)
          let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -1...1, using: &generator) }
          records[RecordKey(site, layer: layer, position: position)] = Record(values, shape: shape)
        }
      }
    }
  }

  private static func shape(_ site: Site, position: Int) -> [Int] {
    switch site.shape {
    case .headsByPositions: [2, position + 1]
    case .vector(.hiddenDim): [12]
    case .vector(.vocabulary): [16]
    case .vector: [8]
    }
  }

  /// Changes one element of a float32 record; traps when there is no such record.
  public mutating func change(_ key: RecordKey, at index: Int, _ body: (Float) -> Float) {
    guard var record = records[key] else { preconditionFailure("no record \(key)") }
    record.floats[index] = body(record.floats[index])
    records[key] = record
  }

  /// Writes the trace.
  ///
  /// - Parameters:
  ///   - path: its name when it is finished.
  ///   - order: the keys in the order of writing; by default the order of execution.
  ///   - isFinished: whether the index is written; without it the file is `PATH.partial`.
  /// - Returns: the path of the file.
  @discardableResult
  public func write(to path: String, order: [RecordKey]? = nil, isFinished: Bool = true) throws -> String {
    var writer = try TraceWriter(path: path, header: header)
    for (position, token) in tokens.sorted(by: { $0.key < $1.key }) { try writer.token(token, position: position) }
    for key in order ?? records.keys.sorted() {
      guard let record = records[key], let shape = TensorShape(record.shape) else { continue }
      try writer.record(key, type: record.type, shape: shape, payload: record.bytes.span.bytes)
    }
    guard isFinished else { return path + ".partial" }
    try writer.finish()
    return path
  }
}

/// A seeded generator, so that a failing test can be repeated.
public struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  /// A generator.
  public init(seed: UInt64) { state = seed }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}
