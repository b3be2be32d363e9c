package import TraceFormat
package import TraceSources

/// A recorded tensor's elements.
struct RecordedTensor: Sendable {
  let type: ElementType
  let shape: TensorShape
  let values: [Double]

  /// A copy of a record.
  init(_ record: RecordView) {
    (type, shape) = (record.elementType, record.shape)
    let count = record.elementCount
    if type == .float32 {
      let payload = record.payload
      values = [Double](unsafeUninitializedCapacity: count) { buffer, filled in
        for index in 0..<count {
          buffer[index] = Double(payload.unsafeLoadUnaligned(fromByteOffset: 4 * index, as: Float.self))
        }
        filled = count
      }
    } else {
      values = (0..<count).map { record.element($0) }
    }
  }

  /// The tensor as an input: what was computed with may differ from what was stored by the rounding of the storage.
  var estimate: Estimate {
    guard type == .float16 || type == .bfloat16 else { return Estimate(values) }
    return Estimate(values, errors: values.map { Rounding.storage(abs($0), type) })
  }
}

/// A trace's tensors, in any order, for whoever replays it. It owns the trace.
package final class RecordedTensors: Sendable {
  package let trace: Trace

  /// The tensors of a trace.
  package init(_ trace: consuming Trace) { self.trace = trace }

  /// The tensors of a trace file.
  package convenience init(_ file: consuming TraceFile) { self.init(.file(file)) }

  /// Whether a record is there; it may yet be damaged.
  func contains(_ key: RecordKey) -> Bool { trace.contains(key) }

  /// A tensor; nil when there is none.
  ///
  /// - Throws: what is wrong with the record.
  func tensor(_ key: RecordKey) throws(TraceError) -> RecordedTensor? {
    try trace.withRecord(key) { RecordedTensor($0) }
  }

  /// A tensor of a site, whatever is wrong with it counting as absent.
  func values(_ site: Site, layer: Int?, position: Int) -> Estimate? {
    let tensor = try? tensor(RecordKey(site, layer: layer, position: position))
    return tensor?.estimate
  }
}
