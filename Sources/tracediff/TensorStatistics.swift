import TraceComparison
import TraceFormat

/// Statistics of one tensor's finite elements.
struct TensorStatistics {
  var least: Double?
  var greatest: Double?
  var mean: Double?
  let summary: PayloadSummary

  init(_ record: RecordView) {
    summary = PayloadSummary(record)
    var count = 0
    var mean = 0.0
    for index in 0..<record.elementCount {
      let value = record.element(index)
      guard value.isFinite else { continue }
      least = min(least ?? value, value)
      greatest = max(greatest ?? value, value)
      count += 1
      // A running mean cannot overflow as a sum could.
      mean += value / Double(count) - mean / Double(count)
    }
    self.mean = count > 0 ? mean : nil
  }

  /// Euclidean norm of the finite elements.
  var norm: Double {
    let count = summary.elementCount - summary.nanCount - summary.infinityCount
    return summary.rms * Double(count).squareRoot()
  }

  /// One line.
  var text: String {
    func number(_ value: Double?) -> String { value.map { NumberText.rounded($0, digits: 6) } ?? "-" }
    return "min \(number(least))  max \(number(greatest))  mean \(number(mean))  rms \(number(summary.rms))  "
      + "norm \(number(norm))  NaN \(summary.nanCount)  inf \(summary.infinityCount)"
  }
}
