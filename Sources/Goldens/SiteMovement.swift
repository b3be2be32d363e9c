import TraceFormat

/// How the records of one name moved, over all layers and positions.
struct SiteMovement {
  /// The tensor.
  let name: TensorName
  /// Number of records compared.
  private(set) var recordCount = 0
  /// Number of records that differ.
  private(set) var differingRecords = 0
  /// Number of records beyond tolerance.
  private(set) var divergentRecords = 0
  /// The one with the greatest ratio of error to allowance.
  private(set) var worst: GoldenFinding

  /// One for every name of which a record differs, in the order of execution within a layer.
  static func all(_ cases: [GoldenCase]) -> [SiteMovement] {
    var sites: [TensorName: SiteMovement] = [:]
    for item in cases {
      guard let worst = item.worst else { continue }
      if sites[item.name] == nil { sites[item.name] = SiteMovement(name: item.name, worst: worst) }
      sites[item.name]?.take(worst)
    }
    for item in cases { sites[item.name]?.count(item) }
    return sites.values.sorted { $0.name < $1.name }
  }

  private init(name: TensorName, worst: GoldenFinding) { (self.name, self.worst) = (name, worst) }

  private mutating func take(_ finding: GoldenFinding) {
    if finding.isWorse(than: worst) { worst = finding }
  }

  private mutating func count(_ item: GoldenCase) {
    recordCount += item.recordCount
    differingRecords += item.differingRecords
    divergentRecords += item.divergentRecords
  }
}
