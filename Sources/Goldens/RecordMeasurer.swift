import TraceComparison
import TraceFormat

/// Measures records. Weights of the first elements are kept from record to record.
struct RecordMeasurer {
  private var weights = SketchWeights()

  /// Measures a record.
  ///
  /// Sums run over the elements in ascending order, each projection on its own, so that the result is the same on every
  /// machine.
  ///
  /// - Complexity: O(n).
  mutating func measure(_ record: RecordView) -> Measurement {
    let count = record.elementCount
    let summary = PayloadSummary(record)
    weights.grow(to: count)
    var nonFinite: NonFinitePlaces?
    var projections = Projections.zero
    if !summary.isFinite {
      let exponent = Self.exponent(of: summary.greatestMagnitude)
      (projections, nonFinite) = scaledProjections(record, exponent: exponent)
    } else if summary.greatestMagnitude > 0x1p-500 && summary.greatestMagnitude < 0x1p500 {
      projections = plainProjections(record)
    } else if summary.greatestMagnitude > 0 {
      projections = scaledProjections(record, exponent: Self.exponent(of: summary.greatestMagnitude)).finite
    }
    return Measurement(
      key: record.key, type: record.elementType, shape: record.shape, elementCount: count,
      fingerprint: Self.fingerprint(record), rms: summary.rms, projections: projections, nonFinite: nonFinite)
  }

  private static func exponent(of magnitude: Double) -> Int { magnitude > 0 ? Int(magnitude.exponent) : 0 }

  /// The checksum of `docs/trace-format.md` over dtype, rank and the four extents, 24 bytes, and the payload.
  static func fingerprint(_ record: RecordView) -> UInt64 {
    var head = [UInt8](repeating: 0, count: 24)
    head[0] = record.elementType.rawValue
    head[1] = UInt8(record.shape.rank)
    for (index, dimension) in record.shape.dimensions.enumerated() {
      for byte in 0..<4 { head[8 + 4 * index + byte] = UInt8(truncatingIfNeeded: dimension >> (8 * byte)) }
    }
    var checksum = Checksum()
    checksum.update(head.span.bytes)
    checksum.update(record.payload)
    return checksum.value
  }

  private func plainProjections(_ record: RecordView) -> Projections {
    let payload = record.payload
    let sums =
      switch record.elementType {
      case .float32:
        sums(record.elementCount) {
          Double(payload.unsafeLoadUnaligned(fromUncheckedByteOffset: 4 &* $0, as: Float.self))
        }
      default: sums(record.elementCount) { record.element($0) }
      }
    return Projections(values: sums, exponent: 0)
  }

  @inline(__always)
  private func sums(_ count: Int, _ element: (Int) -> Double) -> SIMD8<Double> {
    let table = weights.table.span
    let tableCount = min(count, table.count)
    var sums = SIMD8<Double>(repeating: 0)
    for j in 0..<tableCount { sums += table[j] * element(j) }
    let byBits = SketchWeights.byBits
    for j in tableCount..<count { sums += SketchWeights.weights(ofElement: j, byBits.span) * element(j) }
    return sums
  }

  /// Projections of the finite elements, each scaled by a power of two first, and the places of the others.
  private func scaledProjections(
    _ record: RecordView, exponent: Int
  ) -> (finite: Projections, nonFinite: NonFinitePlaces?) {
    var places = NonFinitePlaces()
    let values = sums(record.elementCount) { j in
      let value = record.element(j)
      guard value.isFinite else {
        places.add(value, at: j)
        return 0
      }
      return scaled(value, by: -exponent)
    }
    return (Projections(values: values, exponent: exponent), places.count > 0 ? places : nil)
  }
}
