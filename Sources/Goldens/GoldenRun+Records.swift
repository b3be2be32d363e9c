import TraceComparison
import TraceFormat

extension GoldenRun {
  /// Compares a record of the trace with its sketch.
  mutating func compare<Actual: TensorSource & ~Copyable>(
    _ expected: GoldenCursor.Entry, _ actual: Measurement, _ source: borrowing Actual
  ) {
    let key = actual.key
    let record = expected.record
    let isDeclared = record.type == actual.type && record.shape == actual.shape
    if !isDeclared, record.sketch.fingerprint == actual.fingerprint {
      // The fingerprint is of dtype and shape too.
      let message =
        "\(key): its fingerprint is that of \(actual.type.name) \(actual.shape), as in the trace, and not of the "
        + "\(record.type.name) \(record.shape) that the golden says; record it anew"
      takeProblem(message, of: .expected, at: key)
      return
    }
    guard record.shape == actual.shape else {
      let mismatch = Verdict.ShapeMismatch(key: key, expected: record.shape, actual: actual.shape)
      verdict.shapeMismatches.append(mismatch)
      change(key) { $0.take(mismatch) }
      return
    }
    let limits = check.tolerance.limits(for: key.name)
    let comparison = SketchComparison(record.sketch, record.type, actual, limits)
    verdict.comparedRecords += 1
    verdict.comparedElements += actual.elementCount
    lastPosition = max(lastPosition, key.position)
    change(key) { $0.count(actual) }
    guard !comparison.isIdentical else { return }
    let finding = GoldenFinding(
      key: key, shape: actual.shape, expectedType: record.type, actualType: actual.type, comparison: comparison,
      fingerprints: (record.sketch.fingerprint, actual.fingerprint),
      token: golden.tokens[key.position] ?? source.tokens[key.position])
    change(key) { $0.take(finding) }
    take(finding)
  }

  /// Changes the case of a record, a new one where it is the first of its tensor and layer.
  mutating func change(_ key: RecordKey, _ body: (inout GoldenCase) -> Void) {
    let id = CaseID(name: key.name, layer: key.layer)
    body(&cases[id, default: GoldenCase(name: key.name, layer: key.layer)])
  }

  /// Takes a record that differs.
  private mutating func take(_ finding: GoldenFinding) {
    let comparison = finding.comparison
    if finding.expectedType != finding.actualType {
      mixedTypes.records += 1
      mixedTypes.first = mixedTypes.first ?? finding.key
    }
    let rms = comparison.expectedRMS
    if comparison.passes, comparison.error > 0, rms > 0,
      comparison.limits.allowance(expected: rms, rms: rms) >= rms
    {
      blind.records += 1
      blind.first = blind.first ?? finding.key
    }
    // Where only the dtype differs, a later difference in value is what the reader looks for.
    let isDifferent = !comparison.isEqualInOtherType
    if isDifferent ? verdict.differingRecords == 0 : verdict.firstDifference == nil {
      verdict.firstDifference = finding
    }
    if isDifferent { verdict.differingRecords += 1 } else { verdict.equalInOtherTypeRecords += 1 }
    if !comparison.passes {
      if verdict.divergentRecords == 0 { verdict.firstDivergence = finding }
      verdict.divergentRecords += 1
    }
    if finding.isWorse(than: verdict.worst) { verdict.worst = finding }
  }

  /// Takes a record that only one side has.
  mutating func takeUnmatched(_ key: RecordKey, of side: Side) {
    switch side {
    // Whether a trace that is still being read is damaged shows at its end.
    case .expected: lacking.append(key)
    case .actual:
      let reason = UnmatchedRecord.Reason(lacking: key, header: ranges.expected, isDamaged: false)
      let record = UnmatchedRecord(key: key, reason: reason)
      verdict.unmatched.actual.append(record)
      change(key) { $0.takeUnmatched(record, of: .actual) }
    }
  }

  /// Takes a record that was not asked for, or that lies behind the place where the tokens part.
  mutating func leaveOut(_ key: RecordKey) { change(key) { $0.leftOutRecords += 1 } }

  /// Takes something that is wrong with the trace, or with the golden as the trace shows it.
  ///
  /// - Parameter key: the record that cannot be compared for it; nil where it is about the trace as a whole.
  mutating func takeProblem(_ message: String, of side: Side = .actual, at key: RecordKey? = nil) {
    let problem = Verdict.Problem(side: side, message: message)
    verdict.problems.append(problem)
    if let key { change(key) { $0.firstProblem = $0.firstProblem ?? problem } }
  }
}
