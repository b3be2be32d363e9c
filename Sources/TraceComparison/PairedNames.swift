import TraceFormat

/// The names of two files, numbered together in the order of execution, with what holds for all records of a name: so
/// that records pair and are filtered by numbers, without a look at text.
struct PairedNames {
  /// All names that either file holds.
  let names: [TensorName]
  /// By number: the limits.
  let limits: [Limits]
  /// By number: whether the filter wants the name.
  let areWanted: [Bool]
  /// By number in the expected file: the number here.
  let ofExpected: [Int]
  /// By number in the actual file: the number here.
  let ofActual: [Int]

  init(_ expected: [TensorName], _ actual: [TensorName], _ comparison: Comparison) {
    names = Set(expected + actual).sorted()
    limits = names.map { comparison.tolerance.limits(for: $0) }
    areWanted = names.map { comparison.filter.wants(name: $0.text) }
    let numbers = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    ofExpected = expected.map { numbers[$0] ?? 0 }
    ofActual = actual.map { numbers[$0] ?? 0 }
  }
}
