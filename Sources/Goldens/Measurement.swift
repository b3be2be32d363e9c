package import TraceFormat

/// What a sketch is made from: one record, measured without loss but for the rounding of float64.
package struct Measurement: Sendable {
  /// Which record.
  package let key: RecordKey
  /// The format of its elements.
  package let type: ElementType
  /// Its dimensions.
  package let shape: TensorShape
  /// Number of elements.
  package let elementCount: Int
  /// The checksum of format, shape and payload.
  let fingerprint: UInt64
  /// Root mean square of the finite elements.
  let rms: Double
  /// Projections of the finite elements.
  let projections: Projections
  /// NaN and infinities; nil where there are none.
  let nonFinite: NonFinitePlaces?

  /// Number of finite elements.
  var finiteCount: Int { elementCount - (nonFinite?.count ?? 0) }
}
