public import TraceFormat

/// What a payload holds as a whole.
public struct PayloadSummary: Equatable, Sendable {
  /// Number of elements.
  public var elementCount = 0
  /// Number of NaN.
  public var nanCount = 0
  /// Number of positive and negative infinities.
  public var infinityCount = 0
  /// Greatest magnitude of a finite element.
  public var greatestMagnitude = 0.0
  /// Root mean square of the finite elements; 0 when there is none, never infinite.
  public var rms = 0.0

  /// An empty payload's summary.
  public init() {}

  /// Whether every element is a number and finite.
  public var isFinite: Bool { nanCount == 0 && infinityCount == 0 }

  var finiteCount: Int { elementCount - nanCount - infinityCount }

  /// Summarises a record's payload.
  public init(_ record: RecordView) {
    let payload = record.payload
    switch record.elementType {
    case .float32: self.init(float32: payload, unit: .widest)
    case .float64: self.init(payload, as: Double.self)
    case .float16: self.init(payload, as: HalfElement.self)
    case .bfloat16: self.init(payload, as: BrainElement.self)
    case .int8: self.init(payload, as: Int8.self)
    }
  }

  /// The plain loop, which is the definition.
  init<Element: PayloadElement>(_ payload: RawSpan, as type: Element.Type) {
    let stride = MemoryLayout<Element>.stride
    elementCount = payload.byteCount / stride
    var squares = LaneSum()
    var greatest = 0.0
    for index in 0..<elementCount {
      let value = payload.unsafeLoadUnaligned(fromUncheckedByteOffset: index &* stride, as: Element.self).real
      if value.isFinite {
        greatest = max(greatest, abs(value))
        squares.add(value * value, at: index)
      } else if value.isNaN {
        nanCount += 1
      } else {
        infinityCount += 1
      }
    }
    greatestMagnitude = greatest
    guard finiteCount > 0, greatest > 0 else { return }
    if Self.squaresAreSafe(greatest) {
      rms = (squares.total / Double(finiteCount)).squareRoot()
    } else {
      rms = Self.scaledRMS(payload, as: type, greatest: greatest, finiteCount: finiteCount)
    }
  }

  /// Whether squares of numbers up to a magnitude can be summed without overflow or loss by underflow.
  static func squaresAreSafe(_ greatest: Double) -> Bool { greatest < 1e140 && greatest > 1e-140 }

  private static func scaledRMS<Element: PayloadElement>(
    _ payload: RawSpan, as type: Element.Type, greatest: Double, finiteCount: Int
  ) -> Double {
    var squares = LaneSum()
    for index in 0..<(payload.byteCount / MemoryLayout<Element>.stride) {
      let offset = index &* MemoryLayout<Element>.stride
      let value = payload.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Element.self).real / greatest
      if value.isFinite { squares.add(value * value, at: index) }
    }
    return greatest * min(1, (squares.total / Double(finiteCount)).squareRoot())
  }
}
