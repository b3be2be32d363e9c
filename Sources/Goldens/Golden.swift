package import TraceFormat

/// What is kept of a run to compare later runs with: header, tokens, and a sketch of every record.
package struct Golden: Equatable, Sendable {
  /// What is known of the run.
  package let header: TraceHeader
  /// The tokens by position.
  package let tokens: [Int: TraceToken]
  /// The names, with what their records have in common; by scope, then in the order of execution.
  let tensors: [GoldenTensor]
  /// The records by place, in the order of execution.
  let groups: [GoldenGroup]

  /// The first line of a golden, up to its version.
  static let magic = "tracediff golden "
  /// The version of the format.
  static let version = 1

  /// Number of records.
  package var recordCount: Int { groups.reduce(0) { $0 + $1.recordCount } }

  /// Number of elements of all records; saturating.
  package var elementCount: Int {
    var count = 0
    for record in groups.flatMap(\.records) {
      let (sum, overflow) = count.addingReportingOverflow(record?.shape.elementCount ?? 0)
      count = overflow ? .max : sum
    }
    return count
  }

  /// The tensors of a scope.
  func tensors(in scope: Site.Scope) -> [GoldenTensor] { tensors.filter { $0.scope == scope } }
}
