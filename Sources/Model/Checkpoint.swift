public import TraceFormat

/// A llama2.c checkpoint file, mapped: its configuration, and its weights as views into the file.
public struct Checkpoint: ~Copyable, Sendable {
  /// The sizes of the model.
  public let configuration: Configuration
  /// The layout of the file.
  public let version: CheckpointVersion
  /// Elements per quantization group; nil for float32 weights.
  public let groupSize: Int?
  private let file: MappedFile
  private let places: [WeightName: TensorPlace]

  /// Opens a checkpoint file.
  ///
  /// - Throws: `CheckpointError` when the file cannot be mapped or is not exactly one of llama2.c's layouts.
  public init(path: String) throws(CheckpointError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw .file(error) }
    try self.init(file)
  }

  /// Reads a checkpoint from mapped bytes.
  public init(_ file: consuming MappedFile) throws(CheckpointError) {
    let layout = try CheckpointLayout(file.bytes)
    configuration = layout.configuration
    version = layout.version
    groupSize = layout.groupSize
    places = layout.places
    self.file = file
  }

  /// The path it was opened by.
  public var path: String { file.path }

  /// Whether the weights are int8.
  public var isQuantized: Bool { groupSize != nil }

  /// The checksum of the whole file, which a trace carries to say what it was made from.
  ///
  /// - Complexity: reads the file once, at memory speed.
  public func fingerprint() -> UInt64 { Checksum.of(file.bytes) }

  /// The same, read by a team of threads.
  func fingerprint(_ team: ThreadTeam) -> UInt64 {
    Checksum.of(file.bytes) { pieces, body in team.share(pieces, costPerItem: 1 << 18, body) }
  }

  /// Length of the file in bytes.
  package var byteCount: Int { file.byteCount }

  /// All bytes of the file.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get { _overrideLifetime(file.bytes, borrowing: self) }
  }

  /// Where a tensor of a layer begins in the file, in bytes.
  package borrowing func offset(of name: WeightName, layer: Int) -> Int { place(name, layer).offset(ofLayer: layer) }

  /// Norm weights of a layer (0 for the final norm). Traps for a weight that is a matrix.
  @_lifetime(borrow self)
  public borrowing func vector(_ name: WeightName, layer: Int = 0) -> Span<Float> {
    let place = place(name, layer)
    precondition(place.rows == 1 && place.groupSize == nil, "\(name.rawValue) is not a vector")
    let elements = file.elements(at: place.offset(ofLayer: layer), count: place.columns, as: Float.self)
    return _overrideLifetime(elements, borrowing: self)
  }

  /// A weight matrix of a layer (0 for the embedding and the classifier), output rows by input columns.
  @_lifetime(borrow self)
  public borrowing func matrix(_ name: WeightName, layer: Int = 0) -> WeightMatrix {
    let place = place(name, layer)
    let offset = place.offset(ofLayer: layer)
    let count = place.rows * place.columns
    guard let groupSize = place.groupSize else {
      let elements = file.elements(at: offset, count: count, as: Float.self)
      let matrix = WeightMatrix.float32(MatrixView(elements, rows: place.rows, columns: place.columns))
      return _overrideLifetime(matrix, borrowing: self)
    }
    let matrix = WeightMatrix.int8(
      QuantizedMatrixView(
        values: file.elements(at: offset, count: count, as: Int8.self),
        scaleBytes: file.bytes(at: offset + count, count: count / groupSize * 4),
        rows: place.rows, columns: place.columns, groupSize: groupSize))
    return _overrideLifetime(matrix, borrowing: self)
  }

  private func place(_ name: WeightName, _ layer: Int) -> TensorPlace {
    let stored = name == .classifier && configuration.sharesClassifier ? WeightName.tokenEmbedding : name
    guard let place = places[stored] else { preconditionFailure("every checkpoint holds \(stored.rawValue)") }
    precondition((0..<place.layers).contains(layer), "\(name.rawValue) has no layer \(layer)")
    return place
  }
}
