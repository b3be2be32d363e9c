/// The buffers of a forward pass, by llama2.c's names. Each has one row per position of the current block; a
/// block holds consecutive positions.
public struct ForwardState<Scalar: Real>: ~Copyable {
  /// The positions that are being computed.
  public internal(set) var positions: Range<Int> = 0..<0
  /// Their input tokens.
  public internal(set) var tokens: [Int] = []

  /// Residual stream, dim.
  public var x: Matrix<Scalar>
  /// Attention's and the feed-forward network's input and output, dim.
  public var xb: Matrix<Scalar>
  /// Output projection, dim.
  public var xb2: Matrix<Scalar>
  /// Queries, dim.
  public var q: Matrix<Scalar>
  /// Keys of the current positions, kv_dim.
  public var k: Matrix<Scalar>
  /// Values of the current positions, kv_dim.
  public var v: Matrix<Scalar>
  /// Attention scores, then weights: per position of the block, n_heads rows of pos + 1 columns.
  public var att: AttentionBuffer<Scalar>
  /// Gate projection, then SwiGLU, hidden_dim.
  public var hb: Matrix<Scalar>
  /// Up projection, hidden_dim.
  public var hb2: Matrix<Scalar>
  /// Classifier output, vocab_size.
  public var logits: Matrix<Scalar>

  /// Rotated keys of all positions so far, per layer: positions x kv_dim.
  public var keyCache: PositionCache<Scalar>
  /// Values of all positions so far, per layer: positions x kv_dim.
  public var valueCache: PositionCache<Scalar>

  /// Quantized dim-wide activation, int8 runs only: dim, and dim / group size.
  public var xq: Matrix<Int8>
  /// Its group scales.
  public var xs: Matrix<Float>
  /// Quantized SwiGLU, int8 runs only: hidden_dim, and hidden_dim / group size.
  public var hq: Matrix<Int8>
  /// Its group scales.
  public var hs: Matrix<Float>

  /// Cosines and sines of the current positions.
  private(set) var angles: RotationTable<Scalar>
  /// Room for a block's inputs of a product.
  var packed: PackedBlock<Scalar>
  /// The same in int8 runs.
  var widened: WidenedBlock

  /// Buffers for blocks of up to `blockSize` positions, out of `capacity` in all.
  ///
  /// - Parameter groupSize: of an int8 run; nil otherwise.
  public init(_ sizes: Configuration, capacity: Int, blockSize: Int = 1, groupSize: Int?) {
    func buffer(_ columns: Int) -> Matrix<Scalar> { Matrix(rows: blockSize, columns: columns, repeating: 0) }
    x = buffer(sizes.dim)
    xb = buffer(sizes.dim)
    xb2 = buffer(sizes.dim)
    q = buffer(sizes.dim)
    k = buffer(sizes.keyValueDim)
    v = buffer(sizes.keyValueDim)
    att = AttentionBuffer(headCount: sizes.headCount, blockSize: blockSize, capacity: capacity)
    hb = buffer(sizes.hiddenDim)
    hb2 = buffer(sizes.hiddenDim)
    logits = buffer(sizes.vocabularySize)
    keyCache = PositionCache(layerCount: sizes.layerCount, capacity: capacity, columns: sizes.keyValueDim)
    valueCache = PositionCache(layerCount: sizes.layerCount, capacity: capacity, columns: sizes.keyValueDim)
    let rows = groupSize == nil ? 0 : blockSize
    let size = groupSize ?? 1
    xq = Matrix(rows: rows, columns: sizes.dim, repeating: 0)
    xs = Matrix(rows: rows, columns: sizes.dim / size, repeating: 0)
    hq = Matrix(rows: rows, columns: sizes.hiddenDim, repeating: 0)
    hs = Matrix(rows: rows, columns: sizes.hiddenDim / size, repeating: 0)
    angles = RotationTable(blockSize: blockSize, headSize: sizes.headSize)
    let widest = max(sizes.dim, sizes.hiddenDim)
    packed = PackedBlock(blockSize: blockSize, columns: widest)
    widened = WidenedBlock(blockSize: rows, columns: widest, groupSize: size)
  }

  /// Begins a block: its positions, their tokens, and what depends on the position alone.
  mutating func begin(_ tokens: [Int], at position: Int) {
    positions = position..<(position + tokens.count)
    self.tokens = tokens
    angles.fill(positions, base: Scalar(Constants.ropeBase))
    for (r, position) in positions.enumerated() { att.setLength(position + 1, blockRow: r) }
  }

  /// Number of positions in the current block.
  public var count: Int { positions.count }
}
