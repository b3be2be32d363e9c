import TraceFormat
import VectorKernels

extension PayloadSummary {
  /// The summary of float32 elements, by a kernel that gives the plain loop's bits.
  init(float32 payload: RawSpan, unit: VectorUnit) {
    var summary = ComparisonSummary()
    let count = payload.byteCount / MemoryLayout<Float>.size
    payload.withUnsafeBytes { comparison_summarize(unit, $0.baseAddress, count, &summary) }
    elementCount = count
    (nanCount, infinityCount) = (Int(summary.nan_count), Int(summary.infinity_count))
    greatestMagnitude = summary.greatest_magnitude
    // The squares of float32 are far from both ends of float64's range.
    if greatestMagnitude > 0 { rms = (summary.squares / Double(finiteCount)).squareRoot() }
  }
}

extension RecordComparison {
  /// Compares float32 payloads of one length by a kernel that gives the plain loop's bits.
  mutating func compareFloat32(_ first: RawSpan, _ second: RawSpan, unit: VectorUnit) {
    precondition(first.byteCount == second.byteCount && first.byteCount == 4 * elementCount)
    expected = PayloadSummary(float32: first, unit: unit)
    actual = PayloadSummary(float32: second, unit: unit)
    var given = ComparisonLimits()
    (given.rtol, given.atol, given.is_exact) = (limits.rtol, limits.atol, limits.isExact)
    (given.has_ulp, given.ulp) = (limits.ulp != nil, limits.ulp ?? 0)
    var pass = ComparisonPass()
    first.withUnsafeBytes { left in
      second.withUnsafeBytes { right in
        comparison_measure(unit, left.baseAddress, right.baseAddress, elementCount, expected.rms, &given, &pass)
      }
    }
    store(pass)
    guard pass.worst_index >= 0 else { return }
    let index = Int(pass.worst_index)
    let pair = SamePair<Float>()
    let (expectedValue, actualValue, _) = pair.load(first, second, at: index)
    worst = difference(
      index, expectedValue, actualValue, ratio: pass.worst_ratio, ulps: pair.ulps(first, second, at: index))
  }

  private mutating func store(_ pass: ComparisonPass) {
    (differing, beyond) = (Int(pass.differing), Int(pass.beyond))
    (nanPairs, nonFiniteMismatches) = (Int(pass.nan_pairs), Int(pass.non_finite_mismatches))
    greatestAbsoluteError = pass.greatest_absolute_error
    greatestRelativeError = pass.greatest_relative_error
    greatestUlpError = pass.greatest_ulp_error
    greatestScaledError = pass.greatest_scaled_error
    storeDerived(
      squares: pass.squares, errorScale: 1, neededRtol: pass.needed_rtol, neededAtol: pass.needed_atol,
      neededUlp: pass.needed_ulp)
  }
}
