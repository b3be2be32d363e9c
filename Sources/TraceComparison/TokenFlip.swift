import TraceFormat
import VectorKernels

/// The first position at which greedy decoding would choose another token.
public struct TokenFlip: Equatable, Sendable {
  /// Position of the logits.
  public var position: Int
  /// The token that the expected logits favour.
  public var expected: Int
  /// The token that the actual logits favour.
  public var actual: Int
  /// How far the expected logits favour their token over the actual one's.
  public var margin: Double

  init?(_ expected: RecordView, _ actual: RecordView) {
    guard let first = Self.firstMaximum(expected), let second = Self.firstMaximum(actual), first != second else {
      return nil
    }
    position = expected.key.position
    self.expected = first
    self.actual = second
    margin = expected.element(first) - expected.element(second)
  }

  /// As llama2.c chooses: the first maximum, where nothing exceeds NaN and NaN exceeds nothing.
  private static func firstMaximum(_ record: RecordView) -> Int? {
    guard record.elementCount > 0 else { return nil }
    if record.elementType == .float32 { return firstMaximum(float32: record.payload, unit: .widest) }
    return plainFirstMaximum(record)
  }

  /// The same of float32 elements, of which there is at least one, by a kernel.
  static func firstMaximum(float32 payload: RawSpan, unit: VectorUnit) -> Int {
    precondition(payload.byteCount >= MemoryLayout<Float>.size)
    let count = payload.byteCount / MemoryLayout<Float>.size
    return payload.withUnsafeBytes { comparison_first_maximum(unit, $0.baseAddress, count) }
  }

  /// The plain loop, which is the definition, for one element or more.
  static func plainFirstMaximum(_ record: RecordView) -> Int {
    var (best, greatest) = (0, record.element(0))
    for index in 1..<record.elementCount {
      let value = record.element(index)
      if value > greatest { (best, greatest) = (index, value) }
    }
    return best
  }
}
