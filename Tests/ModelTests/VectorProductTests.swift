import Foundation
import Synchronization
import Testing
import TestSupport
import TraceFormat
import VectorKernels

@testable import Model

/// The kernels of matrix products and attention against the plain loops: every bit, for every vector unit, number of
/// threads, size and tail.
///
/// The values come from a seed, which `VECTOR_SEED` sets and every failure names.
@Suite struct VectorProductTests {
  static let seed: UInt64 = {
    let given = ProcessInfo.processInfo.environment["VECTOR_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
    print("VECTOR_SEED=\(seed)")
    return seed
  }()

  /// Values of mixed size and sign, so that every other order of a sum gives other bits; some zeros of both signs.
  static func values<Scalar: Real>(_ count: Int, _ generator: inout SplitMix) -> [Scalar] {
    (0..<count).map { _ in
      switch UInt32.random(in: 0..<20, using: &generator) {
      case 0: 0
      case 1: -Scalar(0)
      default:
        Scalar(
          Float.random(in: -1...1, using: &generator) * (UInt32.random(in: 0..<9, using: &generator) == 0 ? 1e4 : 1))
      }
    }
  }

  static func matrix<Scalar: Real>(_ rows: Int, _ columns: Int, _ generator: inout SplitMix) -> Matrix<Scalar> {
    var matrix = Matrix<Scalar>(rows: rows, columns: columns, repeating: 0)
    for r in 0..<rows {
      let row: [Scalar] = values(columns, &generator)
      var span = matrix.mutableRow(r)
      for j in 0..<columns { span[j] = row[j] }
    }
    return matrix
  }

  static func array<Scalar>(_ span: Span<Scalar>) -> [Scalar] { span.indices.map { span[$0] } }

  /// Whether all bits are the same; 0 and -0 differ.
  static func same<Scalar: Real>(_ a: [Scalar], _ b: [Scalar]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0 == $1 && $0.sign == $1.sign }
  }

  struct Size: CustomTestStringConvertible, Sendable {
    var rows: Int
    var columns: Int
    var testDescription: String { "\(rows) x \(columns)" }
  }

  /// Around a panel of 16 rows, a square of 8 x 8 weights, and a stretch of 512 columns.
  static let sizes = [1, 2, 7, 8, 9, 15, 16, 17, 33, 50].flatMap { rows in
    [1, 3, 4, 5, 7, 8, 9, 16, 47, 511, 512, 513, 1030].map { Size(rows: rows, columns: $0) }
  }

  @Test(arguments: sizes)
  func productsAreThePlainLoops(size: Size) {
    check(size, counts: [1, 2, 3, 15, 16, 17, 64, 75], threads: [1, 3], Float.self)
    check(size, counts: [1, 2, 3, 15, 16, 17, 64, 75], threads: [1, 3], Double.self)
  }

  /// More positions than a kernel computes at once: 128 of float32, 64 of float64.
  @Test(arguments: [Size(rows: 33, columns: 47), Size(rows: 5, columns: 513)])
  func manyPositions(size: Size) {
    check(size, counts: [128, 130, 300], threads: [1, 3], Float.self)
    check(size, counts: [128, 130, 300], threads: [1, 3], Double.self)
  }

  /// One and two positions on several threads, which take parts of the rows only of a matrix that is large enough.
  @Test func fewPositionsOnSeveralThreads() {
    let size = Size(rows: 300, columns: 1030)
    #expect(Self.partCount(size, threads: 3) > 1)
    check(size, counts: [1, 2], threads: [3], Float.self)
    check(size, counts: [1, 2], threads: [3], Double.self)
  }

  /// The number of parts that a team makes of a product with one position.
  static func partCount(_ size: Size, threads: Int) -> Int {
    let parts = Mutex(0)
    ThreadTeam(threads: threads).share(size.rows, costPerItem: size.columns, multiple: panelHeight) { _ in
      parts.withLock { $0 += 1 }
    }
    return parts.withLock { $0 }
  }

  private func check<Scalar: Real>(_ size: Size, counts: [Int], threads: [Int], _ type: Scalar.Type) {
    var generator = SplitMix(seed: Self.seed &+ UInt64(size.rows * 4096 + size.columns))
    let weights: Matrix<Float> = Self.matrix(size.rows, size.columns, &generator)
    // One row more than the most positions, which must not be written.
    let most = (counts.max() ?? 0) + 1
    let all: Matrix<Scalar> = Self.matrix(most, size.columns, &generator)
    let expected = (0..<most).map { Plain.product(weights.view, all.row($0)) }
    // As many rows as positions, so that a sanitizer sees a read behind the last one.
    let inputs = counts.map { Self.rows(all, $0, blank: 0) }
    for team in Self.teams(threads) {
      for (count, input) in zip(counts, inputs) {
        var packed = PackedBlock<Scalar>(blockSize: count, columns: size.columns)
        var output = Matrix<Scalar>(rows: most, columns: size.rows, repeating: 7)
        multiply(&output, weights.view, input, count: count, packed: &packed, team)
        let isSame = (0..<count).allSatisfy { Self.same(Self.array(output.row($0)), expected[$0]) }
        let place = "\(type), \(count) positions, \(team.threads) threads, \(team.unit.name)"
        #expect(isSame, "\(place), VECTOR_SEED=\(Self.seed)")
        let isUntouched = (count..<most).allSatisfy { Self.array(output.row($0)).allSatisfy { $0 == 7 } }
        #expect(isUntouched, "\(place): rows of absent positions were written")
      }
    }
  }

  /// A team for every vector unit and number of threads.
  static func teams(_ threads: [Int]) -> [ThreadTeam] {
    VectorUnit.available.flatMap { unit in threads.map { ThreadTeam(threads: $0, unit: unit) } }
  }

  /// The first rows of a matrix, as a matrix of their own.
  static func rows<Element: BitwiseCopyable>(
    _ matrix: Matrix<Element>, _ count: Int, blank: Element
  ) -> Matrix<Element> {
    var part = Matrix(rows: count, columns: matrix.columns, repeating: blank)
    for r in 0..<count {
      let row = matrix.row(r)
      var span = part.mutableRow(r)
      for j in row.indices { span[j] = row[j] }
    }
    return part
  }

  /// Sums in another order differ, so that the test above can fail.
  @Test func anotherOrderIsNoticed() {
    var generator = SplitMix(seed: 1)
    let weights: Matrix<Float> = Self.matrix(1, 300, &generator)
    let input: Matrix<Float> = Self.matrix(1, 300, &generator)
    var backwards: Float = 0
    for j in (0..<300).reversed() { backwards += weights.row(0)[j] * input.row(0)[j] }
    #expect(!Self.same([backwards], Plain.product(weights.view, input.row(0))))
  }

  struct Shape: CustomTestStringConvertible, Sendable {
    var heads: Int
    var keyValueHeads: Int
    var headSize: Int
    var first: Int
    var count: Int
    var testDescription: String {
      "\(heads)/\(keyValueHeads) heads of \(headSize), positions \(first)..<\(first + count)"
    }
  }

  static let shapes = [2, 8, 10, 16, 24, 32, 48, 56, 64, 80, 98, 128].flatMap { headSize in
    [(0, 1), (0, 2), (0, 40), (1, 1), (5, 3), (31, 17), (70, 1), (64, 64)].map { first, count in
      Shape(heads: 4, keyValueHeads: headSize == 8 ? 4 : 2, headSize: headSize, first: first, count: count)
    }
  }

  @Test(arguments: shapes)
  func attentionIsThePlainLoop(shape: Shape) throws {
    try checkAttention(shape, Float.self)
    try checkAttention(shape, Double.self)
  }

  /// What the plain loops compute for one position and head.
  private struct Head<Scalar: Real> {
    var place: String
    var scores: [Scalar]
    var weights: [Scalar]
    var sums: [Scalar]
  }

  private func checkAttention<Scalar: Real>(_ shape: Shape, _ type: Scalar.Type) throws {
    // Every buffer ends where the last position does, so that a sanitizer sees a read behind it.
    let capacity = shape.first + shape.count
    let sizes = try Configuration(
      dim: shape.heads * shape.headSize, hiddenDim: 8, layerCount: 2, headCount: shape.heads,
      keyValueHeadCount: shape.keyValueHeads, vocabularySize: 300, sequenceLength: capacity, sharesClassifier: true)
    var generator = SplitMix(seed: Self.seed &+ UInt64(shape.headSize * 1000 + shape.first))
    let queries: Matrix<Scalar> = Self.matrix(shape.count, sizes.dim, &generator)
    var cache = PositionCache<Scalar>(layerCount: 2, capacity: capacity, columns: sizes.keyValueDim)
    var rows: [[Scalar]] = []
    for position in 0..<capacity {
      let row: [Scalar] = Self.values(sizes.keyValueDim, &generator)
      var span = cache.mutableRow(layer: 1, position: position)
      for j in row.indices { span[j] = row[j] }
      rows.append(row)
    }
    let positions = shape.first..<capacity
    var expected: [[Head<Scalar>]] = []
    for (r, position) in positions.enumerated() {
      let all = Self.array(queries.row(r))
      expected.append(
        (0..<shape.heads).map { head in
          let columns = sizes.keyValueColumns(ofHead: head)
          let kept = rows[...position].map { Array($0[columns]) }
          let scores = Plain.scores(Array(all[sizes.columns(ofHead: head)]), keys: kept)
          return Head(
            place: "position \(position), head \(head)", scores: scores, weights: Plain.softmax(scores),
            sums: Plain.weightedSum(scores, values: kept))
        })
    }
    for team in Self.teams([1, 2]) {
      var packed = PackedBlock<Scalar>(blockSize: shape.count, columns: sizes.dim)
      var att = AttentionBuffer<Scalar>(headCount: shape.heads, blockSize: shape.count, capacity: capacity)
      for (r, position) in positions.enumerated() { att.setLength(position + 1, blockRow: r) }
      attentionScores(&att, queries, cache, layer: 1, positions, packed: &packed, sizes, team)
      let scores = att
      var output = Matrix<Scalar>(rows: shape.count, columns: sizes.dim, repeating: 7)
      weightedSums(&output, scores, cache, layer: 1, positions, sizes, team)
      forEachHead(of: &att, count: shape.count, team, costPerRow: 1 << 20) { row in softmax(&row) }
      let run = "\(type), \(team.threads) threads, \(team.unit.name), VECTOR_SEED=\(Self.seed)"
      for (r, heads) in expected.enumerated() {
        let sums = Self.array(output.row(r))
        for (head, wanted) in heads.enumerated() {
          let place = "\(wanted.place), \(run)"
          try #require(Self.same(Self.array(scores.row(r, head: head)), wanted.scores), "scores, \(place)")
          try #require(Self.same(Self.array(att.row(r, head: head)), wanted.weights), "softmax, \(place)")
          try #require(Self.same(Array(sums[sizes.columns(ofHead: head)]), wanted.sums), "sums, \(place)")
        }
      }
    }
  }

  /// NaN at the start stays the maximum, elsewhere it is passed over, as in the plain loop.
  @Test(arguments: [0, 1, 2, 3, 4, 9, 17])
  func softmaxOfNaN(place: Int) {
    for infinity in [Float.nan, .infinity, -.infinity] {
      var x = (0..<18).map { Float($0 % 5) - 2 }
      x[place] = infinity
      let expected = Plain.softmax(x)
      var span = x.mutableSpan
      softmax(&span)
      #expect(zip(x, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
    }
  }
}
