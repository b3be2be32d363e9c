package import TraceFormat

/// What a chosen tolerance and selection cannot see, in words.
package enum BlindSpots {
  /// Records that differ and pass although zeros in their place would pass too.
  ///
  /// - Parameter first: the first of them.
  package static func ofTolerance(_ records: Int, first: RecordKey) -> String {
    "warning: the tolerance is blind in \(count(records, "record")) that differ: it would pass zeros in their place too; "
      + "the first is \(first)"
  }

  /// Only position 0 was compared; nil where no tensor is turned by RoPE.
  package static func ofFirstPosition(_ names: Set<TensorName>) -> String? {
    guard names.contains(.site(.queryRotation)) || names.contains(.site(.keyRotation)) else { return nil }
    return "warning: only position 0 was compared, where RoPE turns by nothing and softmax has one entry: mistakes in "
      + "RoPE, in the causal mask and in the cache cannot show"
  }
}
