import ToolSupport
import TraceComparison
import TraceFormat
import TraceSources

/// What people get to read.
extension Inspection {
  static func printTokens(_ trace: borrowing Trace, limit: Int, _ output: OutputWriter) {
    let tokens = trace.tokens
    output.line("position      id  text")
    for position in tokens.keys.sorted().prefix(limit) {
      guard let token = tokens[position] else { continue }
      let text = token.quotedText ?? "-"
      output.line(padded(String(position), to: 8) + padded(String(token.id), to: 8) + "  " + text)
    }
    if tokens.count > limit { output.line("  ... \(tokens.count - limit) more") }
  }

  static func printOverview(
    _ trace: borrowing Trace, name: String, _ contents: Contents, problemCount: Int, _ options: InspectionOptions,
    _ output: OutputWriter
  ) {
    // What is wrong with single records comes on top of what is wrong with the trace.
    let isDamaged = problemCount > trace.problems.count || trace.problems.contains(where: \.isDamage)
    let state =
      !trace.isComplete
      ? "cut short or damaged" : isDamaged ? "damaged" : problemCount > 0 ? "with problems" : "complete"
    output.line(
      "\(visibleText(name.utf8)): \(state), \(trace.recordCount) records, \(trace.tokens.count) tokens, "
        + "\(trace.byteCount) bytes")
    printParts(trace, limit: options.isFull ? Int.max : listingLimit, output)
    output.line("\nHeader")
    output.line("  producer                \(visibleText(trace.header.producer.utf8))")
    for (name, value) in trace.header.fields.sorted(by: { $0.key < $1.key }) {
      output.line("  \(name)" + padded("", to: max(2, 24 - name.count)) + text(value))
    }
    let limit = options.isFull ? Int.max : listingLimit
    output.line("\nTokens")
    printTokens(trace, limit: limit, output)
    output.line("\nRecords")
    output.line(
      "  site" + padded("shape", to: 26) + padded("dtype", to: 10) + padded("layers", to: 9)
        + padded("positions", to: 11) + padded("records", to: 9) + padded("NaN", to: 6) + padded("inf", to: 6))
    let entries = contents.sorted
    for entry in entries.prefix(limit) {
      let name = entry.name.text
      output.line(
        "  \(name)" + padded(entry.shape, to: 30 - name.count) + padded(entry.dtype, to: 10)
          + padded(entry.layers?.text ?? "-", to: 9) + padded(entry.positions.text, to: 11)
          + padded(String(entry.records), to: 9) + padded(String(entry.nanCount), to: 6)
          + padded(String(entry.infinityCount), to: 6))
    }
    if entries.count > limit { output.line("  ... \(entries.count - limit) more; --full prints all") }
  }

  private static func printParts(_ trace: borrowing Trace, limit: Int, _ output: OutputWriter) {
    let parts = PartSummary.all(of: trace)
    let copyCount = PartSummary.copyCount(of: trace)
    guard !parts.isEmpty else {
      if copyCount > 0 { output.line("\nRecords that an earlier file holds too: \(copyCount)") }
      return
    }
    output.line("\nParts")
    output.line("   number   records         bytes  file")
    for part in parts.prefix(limit) {
      output.line(
        padded(part.number.map(String.init) ?? "-", to: 9) + padded(String(part.recordCount), to: 10)
          + padded(String(part.byteCount), to: 14) + "  " + visibleText(part.path.utf8)
          + (part.isComplete ? "" : " (cut short or damaged)"))
    }
    if parts.count > limit { output.line("  ... \(parts.count - limit) more; --full prints all") }
    if copyCount > 0 { output.line("  records that an earlier part holds too: \(copyCount)") }
  }

  private static func text(_ value: HeaderValue) -> String {
    switch value {
    case .integer(let number): String(number)
    case .real(let number): NumberText.shortest(number)
    case .text(let bytes): "\"\(visibleText(bytes, quoted: true))\""
    }
  }
}
