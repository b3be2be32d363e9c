package import TraceComparison
package import TraceFormat

/// What a check found of one tensor of one layer, over all positions.
package struct GoldenCase: Sendable {
  /// The tensor.
  package let name: TensorName
  /// The layer; nil outside the layers.
  package let layer: Int?
  /// Number of records compared.
  package internal(set) var recordCount = 0
  /// Number of their elements.
  package internal(set) var elementCount = 0
  /// Number of records that differ in their bits, or where the formats differ in value.
  package internal(set) var differingRecords = 0
  /// Number of records beyond tolerance.
  package internal(set) var divergentRecords = 0
  /// The differing record with the greatest ratio of error to allowance.
  package internal(set) var worst: GoldenFinding?
  /// The first record beyond tolerance.
  package internal(set) var firstDivergence: GoldenFinding?
  /// Number of records that were not asked for, or that lie behind the place where the tokens part.
  package internal(set) var leftOutRecords = 0
  /// Number of records that only one side has.
  package internal(set) var unmatchedRecords = 0
  /// The first of them; the golden is the expected side.
  package internal(set) var firstUnmatched: (side: Side, record: UnmatchedRecord)?
  /// Number of records whose shapes differ.
  package internal(set) var shapeMismatches = 0
  /// The first of them.
  package internal(set) var firstShapeMismatch: Verdict.ShapeMismatch?
  /// The first record of the trace that cannot be read, and why.
  package internal(set) var firstProblem: Verdict.Problem?

  init(name: TensorName, layer: Int?) { (self.name, self.layer) = (name, layer) }

  /// Counts a record, be it equal or not.
  mutating func count(_ record: Measurement) {
    recordCount += 1
    elementCount += record.elementCount
  }

  /// Takes a record that differs.
  mutating func take(_ finding: GoldenFinding) {
    if !finding.comparison.isEqualInOtherType { differingRecords += 1 }
    if !finding.comparison.passes { divergentRecords += 1 }
    if finding.isWorse(than: worst) { worst = finding }
    if !finding.comparison.passes && firstDivergence == nil { firstDivergence = finding }
  }

  /// Takes a record that only one side has. Those of the two sides come in any order.
  mutating func takeUnmatched(_ record: UnmatchedRecord, of side: Side) {
    unmatchedRecords += 1
    let isFirst = firstUnmatched.map { record.key < $0.record.key } ?? true
    if isFirst { firstUnmatched = (side, record) }
  }

  /// Takes a record whose shapes differ.
  mutating func take(_ mismatch: Verdict.ShapeMismatch) {
    shapeMismatches += 1
    firstShapeMismatch = firstShapeMismatch ?? mismatch
  }
}
