import TraceFormat

/// Counts NaN and infinities. They are looked for by their bits alone, which is fast enough for records that are equal.
func nonFiniteCounts(_ record: RecordView) -> PayloadSummary {
  let payload = record.payload
  let isPresent =
    switch record.elementType {
    case .float32: holdsNonFinite(payload, UInt32.self, exponent: 0x7F80_0000)
    case .float64: holdsNonFinite(payload, UInt64.self, exponent: 0x7FF0_0000_0000_0000)
    case .float16: holdsNonFinite(payload, UInt16.self, exponent: 0x7C00)
    case .bfloat16: holdsNonFinite(payload, UInt16.self, exponent: 0x7F80)
    case .int8: false
    }
  if isPresent { return PayloadSummary(record) }
  var summary = PayloadSummary()
  summary.elementCount = record.elementCount
  return summary
}

private func holdsNonFinite<Word: FixedWidthInteger & BitwiseCopyable>(
  _ payload: RawSpan, _ type: Word.Type, exponent: Word
) -> Bool {
  let stride = MemoryLayout<Word>.stride
  var found: Word = 0
  for index in 0..<(payload.byteCount / stride) {
    let bits = payload.unsafeLoadUnaligned(fromUncheckedByteOffset: index &* stride, as: type)
    found |= bits & exponent == exponent ? 1 : 0
  }
  return found != 0
}
