import TestSupport
import TraceComparison
import TraceFormat

@testable import Goldens

/// Some record's key.
let anyKey = RecordKey(.logits, layer: nil, position: 0)

/// Measures a record.
func measure(_ record: SyntheticTrace.Record) -> Measurement {
  var measurer = RecordMeasurer()
  guard let shape = TensorShape(record.shape) else { preconditionFailure("a shape of up to four dimensions") }
  return measurer.measure(
    RecordView(key: anyKey, elementType: record.type, shape: shape, payload: record.bytes.span.bytes))
}

func measure(_ values: [Float]) -> Measurement { measure(SyntheticTrace.Record(values)) }

func measure(_ values: [Double]) -> Measurement { measure(SyntheticTrace.Record(values)) }

/// Compares a record with another's sketch.
func compare(
  _ expected: Measurement, _ actual: Measurement, _ tolerance: Tolerance = .default
) -> SketchComparison {
  SketchComparison(Sketch(expected), expected.type, actual, tolerance.limits(for: anyKey.name))
}

func compare(_ expected: [Float], _ actual: [Float], _ tolerance: Tolerance = .default) -> SketchComparison {
  compare(measure(expected), measure(actual), tolerance)
}

/// Only what is equal, or differs by no more than the steps of a sketch, passes.
let noTolerance = Tolerance(rtol: 0, atol: 0)

/// The true root mean square of the difference.
func trueError(_ expected: [Float], _ actual: [Float]) -> Double {
  let squares = zip(expected, actual).reduce(0.0) { $0 + (Double($1.1) - Double($1.0)) * (Double($1.1) - Double($1.0)) }
  return (squares / Double(expected.count)).squareRoot()
}

/// Numbers of a normal distribution, nearly.
func normalNumbers(_ count: Int, _ generator: inout SplitMix) -> [Float] {
  (0..<count).map { _ in
    let sum = (0..<12).reduce(0.0) { partial, _ in partial + Double.random(in: -0.5..<0.5, using: &generator) }
    return Float(sum)
  }
}

/// The golden of a trace in memory.
func golden(_ trace: SyntheticTrace) throws -> Golden {
  var source = PipeSource(trace)
  return try Golden(recording: &source)
}

/// Checks a trace in memory against another's golden.
func verdict(
  _ expected: SyntheticTrace, _ actual: SyntheticTrace, _ check: GoldenCheck = GoldenCheck()
) throws -> GoldenVerdict {
  var source = PipeSource(actual)
  return check.check(try golden(expected), &source)
}
