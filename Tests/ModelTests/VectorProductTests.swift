import Testing
import TestSupport
import TraceFormat
import VectorKernels

@testable import Model

/// The kernels of matrix products and attention against the plain loops: every bit, for every vector unit, number of
/// threads, size and tail.
@Suite struct VectorProductTests {
  static let units: [VectorUnit] = [.baseline, .avx2, .avx512].filter { vector_unit_is_available($0) }

  static let seed: UInt64 = {
    let seed = UInt64.random(in: 0...UInt64(UInt32.max))
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

  /// Around a panel of 16 rows, a square of 4 columns, and a stretch of 512 columns.
  static let sizes = [1, 2, 15, 16, 17, 33, 50].flatMap { rows in
    [1, 3, 4, 5, 16, 47, 511, 512, 513, 1030].map { Size(rows: rows, columns: $0) }
  }

  @Test(arguments: units, sizes)
  func productsAreThePlainLoops(unit: VectorUnit, size: Size) {
    check(unit, size, Float.self)
    check(unit, size, Double.self)
  }

  private func check<Scalar: Real>(_ unit: VectorUnit, _ size: Size, _ type: Scalar.Type) {
    var generator = SplitMix(seed: Self.seed &+ UInt64(size.rows * 4096 + size.columns))
    let weights: Matrix<Float> = Self.matrix(size.rows, size.columns, &generator)
    let most = 75
    let input: Matrix<Scalar> = Self.matrix(most, size.columns, &generator)
    let expected = (0..<most).map { Plain.product(weights.view, input.row($0)) }
    for threads in [1, 3] {
      let team = ThreadTeam(threads: threads, unit: unit)
      var packed = PackedBlock<Scalar>(blockSize: most, columns: size.columns)
      for count in [1, 2, 3, 15, 16, 17, 64, most] {
        var output = Matrix<Scalar>(rows: most, columns: size.rows, repeating: 7)
        multiply(&output, weights.view, input, count: count, packed: &packed, team)
        let isSame = (0..<count).allSatisfy { Self.same(Self.array(output.row($0)), expected[$0]) }
        #expect(isSame, "\(type), \(count) positions, \(threads) threads, VECTOR_SEED=\(Self.seed)")
        let isUntouched = (count..<most).allSatisfy { Self.array(output.row($0)).allSatisfy { $0 == 7 } }
        #expect(isUntouched, "\(type), \(count) positions: rows of absent positions were written")
      }
    }
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

  static let shapes = [2, 8, 10, 16, 48, 64].flatMap { headSize in
    [(0, 1), (0, 2), (0, 40), (1, 1), (5, 3), (31, 17), (70, 1), (64, 64)].map { first, count in
      Shape(heads: 4, keyValueHeads: headSize == 8 ? 4 : 2, headSize: headSize, first: first, count: count)
    }
  }

  @Test(arguments: units, shapes)
  func attentionIsThePlainLoop(unit: VectorUnit, shape: Shape) throws {
    try checkAttention(unit, shape, Float.self)
    try checkAttention(unit, shape, Double.self)
  }

  private func checkAttention<Scalar: Real>(_ unit: VectorUnit, _ shape: Shape, _ type: Scalar.Type) throws {
    let capacity = shape.first + shape.count + 1
    let sizes = try Configuration(
      dim: shape.heads * shape.headSize, hiddenDim: 8, layerCount: 2, headCount: shape.heads,
      keyValueHeadCount: shape.keyValueHeads, vocabularySize: 300, sequenceLength: capacity, sharesClassifier: true)
    var generator = SplitMix(seed: Self.seed &+ UInt64(shape.headSize * 1000 + shape.first))
    let queries: Matrix<Scalar> = Self.matrix(shape.count, sizes.dim, &generator)
    var cache = PositionCache<Scalar>(layerCount: 2, capacity: capacity, columns: sizes.keyValueDim)
    var rows: [[Scalar]] = []
    for position in 0..<(shape.first + shape.count) {
      let row: [Scalar] = Self.values(sizes.keyValueDim, &generator)
      var span = cache.mutableRow(layer: 1, position: position)
      for j in row.indices { span[j] = row[j] }
      rows.append(row)
    }
    let positions = shape.first..<(shape.first + shape.count)
    for threads in [1, 2] {
      let team = ThreadTeam(threads: threads, unit: unit)
      var packed = PackedBlock<Scalar>(blockSize: shape.count, columns: sizes.dim)
      var att = AttentionBuffer<Scalar>(headCount: shape.heads, blockSize: shape.count, capacity: capacity)
      for (r, position) in positions.enumerated() { att.setLength(position + 1, blockRow: r) }
      attentionScores(&att, queries, cache, layer: 1, positions, packed: &packed, sizes, team)
      let scores = att
      var output = Matrix<Scalar>(rows: shape.count, columns: sizes.dim, repeating: 7)
      weightedSums(&output, scores, cache, layer: 1, positions, sizes, team)
      forEachHead(of: &att, count: shape.count, team, costPerRow: 1 << 20) { row in softmax(&row) }
      for (r, position) in positions.enumerated() {
        for head in 0..<shape.heads {
          let columns = sizes.keyValueColumns(ofHead: head)
          let kept = rows[...position].map { Array($0[columns]) }
          let query = Array(Self.array(queries.row(r))[sizes.columns(ofHead: head)])
          let expected = Plain.scores(query, keys: kept)
          let place = "\(type), position \(position), head \(head), VECTOR_SEED=\(Self.seed)"
          try #require(Self.same(Self.array(scores.row(r, head: head)), expected), "scores, \(place)")
          try #require(Self.same(Self.array(att.row(r, head: head)), Plain.softmax(expected)), "softmax, \(place)")
          let sums = Array(Self.array(output.row(r))[sizes.columns(ofHead: head)])
          try #require(Self.same(sums, Plain.weightedSum(expected, values: kept)), "sums, \(place)")
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
