import TestSupport
import Testing
import VectorKernels

@testable import Explanation

/// Attention in bulk is what the plain functions give, bit for bit.
@Suite struct BulkAttentionTests {
  private static let seed: UInt64 = 7_112_024

  /// Sizes of a block.
  struct Shape: CustomTestStringConvertible {
    let first, count, heads, keyHeads, headSize: Int
    var testDescription: String { "from \(first), \(count) positions, \(heads)/\(keyHeads) heads of \(headSize)" }
  }

  private static let shapes = [
    Shape(first: 0, count: 1, heads: 1, keyHeads: 1, headSize: 2),
    Shape(first: 0, count: 9, heads: 2, keyHeads: 1, headSize: 12),
    Shape(first: 8, count: 8, heads: 4, keyHeads: 2, headSize: 13),
    Shape(first: 13, count: 20, heads: 3, keyHeads: 3, headSize: 30),
    Shape(first: 64, count: 7, heads: 2, keyHeads: 2, headSize: 8),
  ]

  @Test(arguments: shapes)
  func scores(shape: Shape) {
    var inputs = Inputs(seed: Self.seed)
    for kind in [Inputs.Kind.random, .mixed, .huge] {
      let rows = (0..<(shape.first + shape.count)).map { _ in
        Estimate(inputs.vector(kind, shape.keyHeads * shape.headSize))
      }
      let queries = (0..<shape.count).map { _ in Estimate(inputs.vector(kind, shape.heads * shape.headSize)) }
      let divisor = Double(shape.headSize).squareRoot()
      for unit in VectorUnit.available {
        let block = block(shape, rows, unit)
        var sums = Replay.BulkSums()
        Replay.scoreSums(queries, block, into: &sums)
        for row in 0..<shape.count {
          let position = shape.first + row
          let expected = Estimate.joined(
            (0..<shape.heads).map { head in
              Replay.scores(
                queries[row], from: head * shape.headSize, keys: Array(rows[...position]), from: block.start(head),
                headSize: shape.headSize, divisor: divisor)
            })
          let found = Replay.scores(queries[row], position: position, block, sums, divisor: divisor)
          #expect(areSame(found, expected), "\(unit.name), \(kind), position \(position), seed \(Self.seed)")
        }
      }
    }
  }

  @Test(arguments: shapes)
  func weightedSums(shape: Shape) {
    var inputs = Inputs(seed: Self.seed)
    for kind in [Inputs.Kind.random, .mixed, .huge] {
      var rows = (0..<(shape.first + shape.count)).map { _ in
        Estimate(inputs.vector(kind, shape.keyHeads * shape.headSize))
      }
      let weights = (0..<shape.count).map { row in
        Estimate(inputs.vector(.random, shape.heads * (shape.first + row + 1)))
      }
      for lastIsInfinite in [false, true] {
        if lastIsInfinite { rows[rows.count - 1].values[0] = .infinity }
        for unit in VectorUnit.available {
          let block = block(shape, rows, unit)
          var sums = Replay.BulkSums()
          Replay.valueSums(weights, block, into: &sums)
          for row in 0..<shape.count {
            let position = shape.first + row
            let found = Replay.weightedSum(weights[row], position: position, block, sums)
            guard let found else {
              #expect(lastIsInfinite, "\(unit.name), \(kind), position \(position), seed \(Self.seed)")
              continue
            }
            let expected = Estimate.joined(
              (0..<shape.heads).map { head in
                Replay.weightedSum(
                  weights[row], from: head * (position + 1), values: Array(rows[...position]),
                  from: block.start(head), headSize: shape.headSize)
              })
            #expect(areSame(found, expected), "\(unit.name), \(kind), position \(position), seed \(Self.seed)")
          }
          let last = Replay.weightedSum(weights[shape.count - 1], position: rows.count - 1, block, sums)
          #expect((last == nil) == lastIsInfinite)
        }
      }
    }
  }

  private func block(_ shape: Shape, _ rows: [Estimate], _ unit: VectorUnit) -> Replay.AttentionBlock {
    Replay.AttentionBlock(
      first: shape.first, headCount: shape.heads, headSize: shape.headSize,
      keyHead: { $0 * shape.keyHeads / shape.heads }, rows: rows, unit: unit)
  }

  private func areSame(_ left: Estimate, _ right: Estimate) -> Bool {
    left.count == right.count && left.errors.count == right.errors.count
      && zip(left.values, right.values).allSatisfy(isSame) && zip(left.errors, right.errors).allSatisfy(isSame)
  }
}
