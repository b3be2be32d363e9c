import TraceFormat

extension RecordComparison {
  /// Compares element by element: the plain loop, which is the definition. Every pair of formats gets its own.
  mutating func compare<Pair: PayloadPair>(_ expectedRecord: RecordView, _ actualRecord: RecordView, _ pair: Pair) {
    expected = PayloadSummary(expectedRecord)
    actual = PayloadSummary(actualRecord)
    let greatest = max(expected.greatestMagnitude, actual.greatestMagnitude)
    let (first, second) = (expectedRecord.payload, actualRecord.payload)
    let rms = expected.rms
    let limits = limits
    var pass = Pass(errorScale: PayloadSummary.squaresAreSafe(greatest) || greatest == 0 ? 1 : greatest)

    for index in 0..<elementCount {
      let (expected, actual, differ) = pair.load(first, second, at: index)
      guard differ else { continue }
      pass.differing += 1
      guard expected.isFinite, actual.isFinite else {
        pass.takeNonFinite(expected, actual, index, limits)
        continue
      }
      let error = abs(actual - expected)
      let magnitude = abs(expected)
      let allowance = limits.allowance(expected: expected, rms: rms)
      let ulps = pair.ulps(first, second, at: index)
      if !limits.accepts(error: error, allowance: allowance, ulps: ulps) { pass.beyond += 1 }
      let ratio = limits.ratio(error: error, allowance: allowance, ulps: ulps)
      if ratio > pass.worstRatio || (ratio == pass.worstRatio && error > pass.worstError) {
        pass.takeWorst(index, ratio: ratio, error: error)
      }
      let scaled = error / pass.errorScale
      pass.squares.add(scaled * scaled, at: index)
      guard error > 0 else { continue }
      pass.greatestAbsoluteError = max(pass.greatestAbsoluteError, error)
      pass.greatestRelativeError = max(pass.greatestRelativeError, error / magnitude)
      pass.greatestUlpError = max(pass.greatestUlpError, ulps)
      let scale = max(magnitude, rms)
      pass.greatestScaledError = max(pass.greatestScaledError, error / scale)
      if !(error.isFinite && error <= allowance) { pass.neededUlp = max(pass.neededUlp, ulps) }
      if let ulp = limits.ulp, ulps <= ulp { continue }
      guard error.isFinite else {
        (pass.neededRtol, pass.neededAtol) = (.infinity, .infinity)
        continue
      }
      pass.neededRtol = max(pass.neededRtol, (Self.justAbove(error) - limits.atol) / scale)
      pass.neededAtol = max(pass.neededAtol, Self.justAbove(error) - limits.rtol * scale)
    }
    store(pass)
    if let index = pass.worstIndex {
      let (expected, actual, _) = pair.load(first, second, at: index)
      worst = difference(index, expected, actual, ratio: pass.worstRatio, ulps: pair.ulps(first, second, at: index))
    }
  }

  /// A little above a positive number, by more than the rounding of what is computed from it.
  @inline(__always)
  private static func justAbove(_ value: Double) -> Double { (value * (1 + 0x1p-50)).nextUp }

  private mutating func store(_ pass: Pass) {
    differing = pass.differing
    beyond = pass.beyond
    nanPairs = pass.nanPairs
    nonFiniteMismatches = pass.nonFiniteMismatches
    greatestAbsoluteError = pass.greatestAbsoluteError
    greatestRelativeError = pass.greatestRelativeError
    greatestUlpError = pass.greatestUlpError
    greatestScaledError = pass.greatestScaledError
    storeDerived(
      squares: pass.squares.total, errorScale: pass.errorScale, neededRtol: pass.neededRtol,
      neededAtol: pass.neededAtol, neededUlp: pass.neededUlp)
  }

  /// Stores what is computed from the sums and maxima of a pass.
  mutating func storeDerived(
    squares: Double, errorScale: Double, neededRtol: Double, neededAtol: Double, neededUlp: UInt64
  ) {
    let finiteCount = elementCount - nonFiniteMismatches - nanPairs
    errorRMS = finiteCount > 0 ? errorScale * (squares / Double(finiteCount)).squareRoot() : 0
    let canPass = nonFiniteMismatches == 0
    smallestRtol = canPass && neededRtol.isFinite ? Self.justAboveUnlessZero(neededRtol) : nil
    smallestUlp = canPass ? neededUlp : nil
    smallestAtol = canPass && neededAtol.isFinite ? Self.justAboveUnlessZero(neededAtol) : nil
  }

  private static func justAboveUnlessZero(_ value: Double) -> Double { value > 0 ? justAbove(value) : 0 }

  func difference(
    _ index: Int, _ expectedValue: Double, _ actualValue: Double, ratio: Double, ulps: UInt64
  ) -> ElementDifference {
    let isFinite = expectedValue.isFinite && actualValue.isFinite
    let areNaN = expectedValue.isNaN && actualValue.isNaN
    let error = abs(actualValue - expectedValue)
    let allowance = limits.allowance(expected: isFinite ? expectedValue : 0, rms: expected.rms)
    return ElementDifference(
      index: index, expected: expectedValue, actual: actualValue, absoluteError: error,
      relativeError: error == 0 ? 0 : error / abs(expectedValue), ulpError: isFinite ? ulps : nil,
      allowance: allowance, ratio: ratio,
      isBeyond: isFinite
        ? !limits.accepts(error: error, allowance: allowance, ulps: ulps) : !areNaN || limits.isExact)
  }

  /// What one pass adds up; kept apart from the result so that the loop works on few fields.
  private struct Pass {
    let errorScale: Double
    var differing = 0
    var beyond = 0
    var nanPairs = 0
    var nonFiniteMismatches = 0
    var worstIndex: Int?
    var worstRatio = -1.0
    var worstError = -1.0
    var greatestAbsoluteError = 0.0
    var greatestRelativeError = 0.0
    var greatestUlpError: UInt64 = 0
    var greatestScaledError = 0.0
    var squares = LaneSum()
    var neededRtol = 0.0
    var neededAtol = 0.0
    var neededUlp: UInt64 = 0

    init(errorScale: Double) { self.errorScale = errorScale }

    @inline(__always)
    mutating func takeWorst(_ index: Int, ratio: Double, error: Double) {
      worstIndex = index
      worstRatio = ratio
      worstError = error
    }

    /// NaN and infinity are verdicts of their own: no arithmetic is done with them.
    mutating func takeNonFinite(_ expected: Double, _ actual: Double, _ index: Int, _ limits: Limits) {
      if expected.isNaN && actual.isNaN {
        nanPairs += 1
        if limits.isExact {
          beyond += 1
          if worstRatio < .infinity { takeWorst(index, ratio: .infinity, error: 0) }
        } else if worstIndex == nil {
          takeWorst(index, ratio: 0, error: 0)
        }
      } else {
        beyond += 1
        // The first of these is the worst element of all: nothing exceeds an infinite ratio and an infinite error.
        if nonFiniteMismatches == 0 { takeWorst(index, ratio: .infinity, error: .infinity) }
        nonFiniteMismatches += 1
      }
    }
  }
}
