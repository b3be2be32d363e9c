import TestSupport
import TraceComparison
import TraceFormat

/// Compares two records of any key.
func compare(
  _ expected: SyntheticTrace.Record, _ actual: SyntheticTrace.Record, _ limits: Limits
) -> RecordComparison? {
  let key = RecordKey(.logits, layer: nil, position: 0)
  guard let first = TensorShape(expected.shape), let second = TensorShape(actual.shape) else { return nil }
  return RecordComparison(
    expected: RecordView(
      key: key, elementType: expected.type, shape: first, payload: expected.bytes.span.bytes),
    actual: RecordView(key: key, elementType: actual.type, shape: second, payload: actual.bytes.span.bytes),
    limits: limits)
}

func compare(_ expected: [Float], _ actual: [Float], _ limits: Limits) -> RecordComparison? {
  compare(SyntheticTrace.Record(expected), SyntheticTrace.Record(actual), limits)
}

func compare(_ expected: [Double], _ actual: [Double], _ limits: Limits) -> RecordComparison? {
  compare(SyntheticTrace.Record(expected), SyntheticTrace.Record(actual), limits)
}

/// Compares two traces in memory.
func verdict(
  _ expected: SyntheticTrace, _ actual: SyntheticTrace, _ comparison: Comparison = Comparison()
) -> Verdict {
  var first = ArraySource(expected)
  var second = ArraySource(actual)
  return comparison.compare(&first, &second)
}

/// 16-bit patterns as a record.
func record(_ type: ElementType, _ patterns: [UInt16]) -> SyntheticTrace.Record {
  SyntheticTrace.Record(type: type, shape: [patterns.count], bytes: patterns.withUnsafeBytes { Array($0) })
}
