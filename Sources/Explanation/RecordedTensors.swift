package import TraceFormat

/// A recorded tensor's elements.
struct RecordedTensor: Sendable {
  let type: ElementType
  let shape: TensorShape
  let values: [Double]

  /// The tensor as an input: what was computed with may differ from what was stored by the rounding of the storage.
  var estimate: Estimate {
    guard type == .float16 || type == .bfloat16 else { return Estimate(values) }
    return Estimate(values, errors: values.map { Rounding.storage(abs($0), type) })
  }
}

/// A trace's tensors, in any order, for whoever replays it. It owns the trace.
package final class RecordedTensors: Sendable {
  package let trace: TraceFile

  /// The tensors of a trace.
  package init(_ trace: consuming TraceFile) { self.trace = trace }

  /// Whether a record is there; it may yet be damaged.
  func contains(_ key: RecordKey) -> Bool { trace.contains(key) }

  /// A tensor; nil when there is none.
  ///
  /// - Throws: what is wrong with the record.
  func tensor(_ key: RecordKey) throws(TraceError) -> RecordedTensor? {
    try trace.withRecord(key) { record in
      var values = [Double](repeating: 0, count: record.elementCount)
      for index in values.indices { values[index] = record.element(index) }
      return RecordedTensor(type: record.elementType, shape: record.shape, values: values)
    }
  }

  /// A tensor of a site, whatever is wrong with it counting as absent.
  func values(_ site: Site, layer: Int?, position: Int) -> Estimate? {
    let tensor = try? tensor(RecordKey(site, layer: layer, position: position))
    return tensor?.estimate
  }
}
