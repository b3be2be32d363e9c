import TestSupport
import Testing
import VectorKernels

@testable import Explanation

/// Whether two results are the same bit for bit; any NaN is like any other.
func isSame(_ left: Double, _ right: Double) -> Bool {
  left.bitPattern == right.bitPattern || left.isNaN && right.isNaN
}

/// Products in bulk are the products that the definition gives, bit for bit.
@Suite struct BulkProductTests {
  private static let seed: UInt64 = 20_240_611

  /// Whole and partial panels and packs, and one that is neither.
  @Test(arguments: [1, 7, 8, 9, 17], [1, 11, 12, 13, 25])
  func everySize(count: Int, rows: Int) {
    var inputs = Inputs(seed: Self.seed &+ UInt64(100 * count + rows))
    for columns in [1, 3, 4, 5, 16, 31, 67] {
      let kind = Inputs.Kind.allCases[inputs.integer(0...8)]
      let vectors = (0..<count).map { _ in estimate(&inputs, kind, columns) }
      let matrix = (0..<rows).map { _ in inputs.vector(kind, columns) }
      for groupSize in [nil, 1, 4, 16] as [Int?] {
        check(vectors, matrix, groupSize, seed: inputs.seed)
      }
    }
  }

  /// What is not finite goes through, and sums out of the range of float32 have no bound.
  @Test func valuesThatAreNotFinite() {
    let vectors = [
      Estimate([1, .infinity, 0, 2]), Estimate([.nan, 0, 1, 1]), Estimate([3e38, 3e38, 1, 1]),
      Estimate([1, 2, 3, 4], errors: [0, .infinity, 0, 0]), Estimate([0, -0.0, 0, -0.0]),
    ]
    let matrix: [[Double]] = [
      [1, 1, 1, 1], [0, 0, 0, 0], [-1, .infinity, 0, 1], [1, 3e38, .nan, 2], [-0.0, 0, 0, 0],
    ]
    for groupSize in [nil, 2] as [Int?] { check(vectors, matrix, groupSize, seed: 0) }
  }

  private func estimate(_ inputs: inout Inputs, _ kind: Inputs.Kind, _ columns: Int) -> Estimate {
    let values = inputs.vector(kind, columns)
    return inputs.integer(0...1) == 0
      ? Estimate(values) : Estimate(values, errors: values.map { abs($0) * inputs.uniform(0...1e-3) })
  }

  /// Compares with the definition: rows lent in place and filled, in one part and in several, on every vector unit.
  private func check(_ vectors: [Estimate], _ matrix: [[Double]], _ groupSize: Int?, seed: UInt64) {
    let (rows, columns) = (matrix.count, matrix[0].count)
    let rule =
      groupSize.map { Replay.ProductBound(columns: columns, groupSize: $0) } ?? Replay.ProductBound(columns: columns)
    let expected = vectors.map { vector in matrix.map { Replay.product(vector, $0, rule) } }
    let elements = matrix.flatMap { $0.map { Float($0) } }
    let lent = WeightSource(
      rows: rows, columns: columns,
      floats: { rows, body in
        body(elements.span.extracting((rows.lowerBound * columns)..<(rows.upperBound * columns)))
      }, fill: { _, _ in })
    let filled = WeightSource(rows: rows, columns: columns) { row, buffer in buffer = matrix[row] }
    let packs = Replay.PackedVectors.all(vectors, rule)
    for unit in VectorUnit.available {
      for (source, parts) in [(lent, 1), (lent, 3), (filled, 1), (filled, 2)] {
        var outputs = EstimateRows()
        Replay.products(packs, source, into: &outputs, unit: unit, parts: parts)
        var wrong = 0
        for (v, products) in expected.enumerated() {
          let (values, errors) = (outputs.values(v), outputs.errors(v))
          for (r, product) in products.enumerated()
          where !isSame(values[r], product.value) || !isSame(errors[r], product.bound) {
            wrong += 1
          }
        }
        #expect(
          wrong == 0,
          "\(unit.name), \(vectors.count) vectors, \(rows) x \(columns), groups \(groupSize ?? 0), seed \(seed)")
      }
    }
  }

  /// Some of the rows are what all of them hold there.
  @Test func someRows() {
    var inputs = Inputs(seed: Self.seed)
    let matrix = (0..<40).map { _ in inputs.vector(.random, 10) }
    let source = WeightSource(rows: 40, columns: 10) { row, buffer in buffer = matrix[row] }
    let packs = Replay.PackedVectors.all([Estimate(inputs.vector(.random, 10))], Replay.ProductBound(columns: 10))
    var (all, some) = (EstimateRows(), EstimateRows())
    Replay.products(packs, source, into: &all)
    Replay.products(packs, source, rows: 7..<33, into: &some)
    let (whole, part) = (all.estimate(0), some.estimate(0))
    #expect(part.values == Array(whole.values[7..<33]) && part.errors == Array(whole.errors[7..<33]))
  }
}
