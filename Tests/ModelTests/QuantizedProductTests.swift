import Testing
import TestSupport
import VectorKernels

@testable import Model

/// The kernels of int8 products against the plain loop: every bit, for every vector unit, number of threads, group size
/// and tail, groups that straddle rows included.
@Suite struct QuantizedProductTests {
  struct Size: CustomTestStringConvertible, Sendable {
    var rows: Int
    var columns: Int
    var group: Int
    var testDescription: String { "\(rows) x \(columns) in groups of \(group)" }
  }

  static let sizes: [Size] = [1, 3, 4, 16, 17, 37].flatMap { rows in
    [(32, 32), (64, 32), (96, 64), (100, 32), (30, 7), (33, 33), (64, 2), (5, 1), (1200, 600), (1100, 1027), (20, 40)]
      .map {
        Size(rows: rows, columns: $0, group: $1)
      }
  }

  @Test(arguments: sizes)
  func productsAreThePlainLoops(size: Size) { check(size, counts: [1, 2, 3, 16, 17, 35], threads: [1, 3]) }

  /// More positions than a kernel computes at once, which are 128.
  @Test(arguments: [Size(rows: 37, columns: 96, group: 32), Size(rows: 17, columns: 100, group: 32)])
  func manyPositions(size: Size) { check(size, counts: [128, 130, 300], threads: [1, 3]) }

  /// One and two positions on several threads, which take parts of the rows only of a matrix that is large enough.
  @Test(arguments: [Size(rows: 300, columns: 1030, group: 103), Size(rows: 300, columns: 1030, group: 64)])
  func fewPositionsOnSeveralThreads(size: Size) {
    #expect(VectorProductTests.partCount(.init(rows: size.rows, columns: size.columns), threads: 3) > 1)
    check(size, counts: [1, 2], threads: [3])
  }

  private func check(_ size: Size, counts: [Int], threads: [Int]) {
    let seed = VectorProductTests.seed
    var generator = SplitMix(seed: seed &+ UInt64(size.rows * 8192 + size.columns * 64 + size.group))
    func bytes(_ count: Int) -> [Int8] {
      (0..<count).map { _ in
        // The extremes, whose products are the greatest, often.
        switch UInt32.random(in: 0..<4, using: &generator) {
        case 0: -128
        case 1: 127
        default: Int8.random(in: .min ... .max, using: &generator)
        }
      }
    }
    let weights = bytes(size.rows * size.columns)
    let scales = (0..<(weights.count / size.group)).map { _ in Float.random(in: 0...0.1, using: &generator) }
    // The scales of a checkpoint are not aligned.
    var file: [UInt8] = [0]
    for scale in scales {
      for shift in 0..<4 { file.append(UInt8(truncatingIfNeeded: scale.bitPattern >> UInt32(shift * 8))) }
    }
    let view = QuantizedMatrixView(
      values: weights.span, scaleBytes: file.span.bytes.extracting(1...), rows: size.rows, columns: size.columns,
      groupSize: size.group)
    // One row more than the most positions, which must not be written.
    let most = (counts.max() ?? 0) + 1
    let groups = size.columns / size.group
    var values = Matrix<Int8>(rows: most, columns: size.columns, repeating: 0)
    var valueScales = Matrix<Float>(rows: most, columns: groups, repeating: 0)
    for r in 0..<most {
      let row = bytes(size.columns)
      var span = values.mutableRow(r)
      for j in row.indices { span[j] = row[j] }
      var scaleSpan = valueScales.mutableRow(r)
      for g in 0..<groups { scaleSpan[g] = Float.random(in: 0...3, using: &generator) }
    }
    let expected = (0..<most).map { Plain.product(view, values: values.row($0), scales: valueScales.row($0)) }
    // As many rows as positions, so that a sanitizer sees a read behind the last one.
    let inputs = counts.map { count in
      (
        count, VectorProductTests.rows(values, count, blank: 0), VectorProductTests.rows(valueScales, count, blank: 0)
      )
    }
    for team in VectorProductTests.teams(threads) {
      for (count, values, scales) in inputs {
        var widened = WidenedBlock(blockSize: count, columns: size.columns, groupSize: size.group)
        var output = Matrix<Float>(rows: most, columns: size.rows, repeating: 7)
        multiply(&output, view, values: values, scales: scales, count: count, widened: &widened, team)
        let isSame = (0..<count).allSatisfy {
          VectorProductTests.same(VectorProductTests.array(output.row($0)), expected[$0])
        }
        let place = "\(count) positions, \(team.threads) threads, \(team.unit.name)"
        #expect(isSame, "\(place), VECTOR_SEED=\(seed)")
        let isUntouched = (count..<most).allSatisfy { r in
          VectorProductTests.array(output.row(r)).allSatisfy { $0 == 7 }
        }
        #expect(isUntouched, "\(place): rows of absent positions were written")
      }
    }
  }
}
