/// A record, lent for the duration of a call: its key, format, shape and payload in place.
public struct RecordView: ~Escapable {
  /// What the record is about.
  public let key: RecordKey
  /// The format of its elements.
  public let elementType: ElementType
  /// Its dimensions.
  public let shape: TensorShape
  /// Its elements, row-major, little-endian.
  public let payload: RawSpan

  /// A view of a payload.
  @_lifetime(copy payload)
  public init(key: RecordKey, elementType: ElementType, shape: TensorShape, payload: RawSpan) {
    self.key = key
    self.elementType = elementType
    self.shape = shape
    self.payload = payload
  }

  /// Number of elements.
  public var elementCount: Int { payload.byteCount / elementType.size }

  /// One element as float64, which holds every format exactly.
  ///
  /// - Parameter index: in row-major order; traps outside the tensor.
  public func element(_ index: Int) -> Double { elementType.load(payload, at: index) }
}

extension ElementType {
  /// One element of a payload as float64, which holds every format exactly.
  package func load(_ payload: RawSpan, at index: Int) -> Double {
    switch self {
    case .float32: Double(Float(bitPattern: payload.integer(at: 4 * index, as: UInt32.self)))
    case .float64: Double(bitPattern: payload.integer(at: 8 * index, as: UInt64.self))
    case .float16: Double(halfPrecision: payload.integer(at: 2 * index, as: UInt16.self))
    case .bfloat16: Double(Float(bitPattern: UInt32(payload.integer(at: 2 * index, as: UInt16.self)) << 16))
    case .int8: Double(payload.integer(at: index, as: Int8.self))
    }
  }
}

extension Double {
  /// The value of an IEEE 754 half-precision number. Written out because Float16 does not exist on every platform.
  @inlinable
  package init(halfPrecision bits: UInt16) {
    let sign = UInt64(bits >> 15) << 63
    let exponent = Int(bits >> 10) & 0x1F
    let fraction = UInt64(bits & 0x3FF)
    let magnitude: Double
    switch exponent {
    case 0: magnitude = Double(fraction) * 0x1p-24
    case 31: magnitude = Double(bitPattern: 0x7FF << 52 | fraction << 42)
    default: magnitude = Double(bitPattern: UInt64(exponent - 15 + 1023) << 52 | fraction << 42)
    }
    self = Double(bitPattern: magnitude.bitPattern | sign)
  }
}

/// Where tensors come from: a trace file, and whatever else can name its tensors by site, layer and position.
///
/// Records are visited with `next()` in the order of execution. A source with random access lends any record at any
/// time; one that reads a pipe lends the record that `next()` named last.
public protocol TensorSource: ~Copyable {
  /// What is known of the run.
  var header: TraceHeader { get }
  /// The tokens known so far, by position.
  var tokens: [Int: TraceToken] { get }
  /// What was found wrong so far; a source with problems still lends what is readable.
  var problems: [TraceError] { get }
  /// Whether the source ends as a complete one does.
  var isComplete: Bool { get }
  /// Whether more may come: then `tokens`, `problems` and `isComplete` say what is known so far.
  var isLive: Bool { get }
  /// Whether the source tells its tokens; arrays of other programs may not.
  var hasTokens: Bool { get }

  /// The key of the next record in the order of execution; nil after the last.
  mutating func next() throws(TraceError) -> RecordKey?

  /// Lends a record.
  ///
  /// - Returns: the body's result; nil when there is no such record.
  /// - Throws: what is wrong with the record, its checksum included.
  func withRecord<Result>(_ key: RecordKey, _ body: (RecordView) -> Result) throws(TraceError) -> Result?
}

extension TensorSource where Self: ~Copyable {
  /// A source is all there unless it says otherwise.
  public var isLive: Bool { false }
  /// A source tells its tokens unless it says otherwise.
  public var hasTokens: Bool { true }
}
