import JSONText
import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// Prints selected tensors as text, or collects them for JSON.
struct TensorPrinter {
  private let headSize: Int?
  private let isFull: Bool
  private let collectsJSON: Bool
  private let output: OutputWriter?

  /// A printer.
  ///
  /// - Parameter output: where text goes; nil where only JSON is wanted.
  init(_ header: TraceHeader, _ options: InspectionOptions, _ output: OutputWriter?) {
    headSize = header.headSize
    isFull = options.isFull
    collectsJSON = options.jsonPath != nil
    self.output = output
  }

  /// Prints every tensor that a filter wants, or the first 20 and how many there are more. A document holds the first
  /// 20, or 100 where all are asked for.
  ///
  /// - Returns: the same for JSON, if it was asked for.
  func print(
    _ trace: inout Trace, _ filter: RecordFilter, _ problems: inout Listing<String>
  ) -> [(String, JSONValue)] {
    let limit = isFull ? Int.max : Inspection.listingLimit
    var tensors: [JSONValue] = []
    var count = 0
    while let key = trace.next() {
      guard filter.wants(key) else { continue }
      count += 1
      guard count <= limit else { continue }
      let token = trace.tokens[key.position]
      do throws(TraceError) {
        try trace.withRecord(key) { record in
          let statistics = TensorStatistics(record)
          if let output {
            if count > 1 { output.line() }
            printText(record, statistics, token, output)
          }
          if collectsJSON, tensors.count < Inspection.documentLimit { tensors.append(value(record, statistics)) }
        }
      } catch {
        problems.append("\(key): \(error)")
      }
    }
    if count > limit { output?.line("\n... \(count - limit) more tensors; --full prints all") }
    return [("tensors", .array(tensors)), ("tensor_count", .integer(count))]
  }

  private func printText(
    _ record: RecordView, _ statistics: TensorStatistics, _ token: TraceToken?, _ output: OutputWriter
  ) {
    let meaning = record.key.name.site.map { ", \($0.meaning)" } ?? ""
    output.line("\(record.key): \(record.shape) \(record.elementType.name)\(meaning)")
    if let token { output.line("  token \(token)") }
    output.line("  \(statistics.text)")
    for line in TensorText(headSize: headSize, isFull: isFull).lines(record) { output.line(line) }
  }

  private func value(_ record: RecordView, _ statistics: TensorStatistics) -> JSONValue {
    let shown = isFull ? record.elementCount : min(record.elementCount, Inspection.documentLimit)
    var values: [JSONValue] = []
    for index in 0..<shown { values.append(.number(record.element(index))) }
    return .object([
      ("site", .string(record.key.name.text)), ("layer", JSONValue(record.key.layer)),
      ("position", .integer(record.key.position)), ("shape", .array(record.shape.dimensions.map { .integer($0) })),
      ("dtype", .string(record.elementType.name)), ("elements", .integer(record.elementCount)),
      ("min", JSONValue(statistics.least)), ("max", JSONValue(statistics.greatest)),
      ("mean", JSONValue(statistics.mean)),
      ("rms", .number(statistics.summary.rms)), ("norm", .number(statistics.norm)),
      ("nan", .integer(statistics.summary.nanCount)), ("inf", .integer(statistics.summary.infinityCount)),
      ("values", .array(values)),
    ])
  }
}
