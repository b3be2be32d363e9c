import TraceFormat

/// The records of one place.
struct GoldenGroup: Equatable, Sendable {
  /// Which place.
  let place: GoldenPlace
  /// By tensor of the place's scope, in the order of declaration: the record; nil where there is none.
  let records: [GoldenRecord?]
  /// Root mean square of the last record, to the four digits that are printed.
  let rms: Double

  /// Number of records.
  var recordCount: Int { records.count { $0 != nil } }

  /// Number of records that hold NaN or infinities.
  var nonFiniteCount: Int { records.count { $0?.sketch.isNonFinite ?? false } }
}
