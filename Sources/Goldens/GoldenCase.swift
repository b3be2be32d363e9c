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
}
