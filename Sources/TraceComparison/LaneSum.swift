/// A sum of float64 whose order does not depend on vector units and threads: eight running sums, element i in sum i %
/// 8, then `((0+4)+(2+6)) + ((1+5)+(3+7))`.
struct LaneSum {
  private var lanes = SIMD8<Double>(repeating: 0)

  @inline(__always)
  mutating func add(_ value: Double, at index: Int) { lanes[index & 7] += value }

  var total: Double {
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
  }
}
