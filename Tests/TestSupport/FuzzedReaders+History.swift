import CIReports
import JSONText

extension FuzzedReaders {
  /// Reads bytes as a drift history: its lines stay as they are, each entry can be written and read again, and whatever
  /// it holds can be reported.
  package static func history(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let history: DriftHistory
    do throws(DriftError) { history = try DriftHistory(bytes) } catch { return .refused(try message(of: error)) }
    try require(bytes.starts(with: history.bytes.dropLast()), "the lines stay as they are")
    let (again, copy): (DriftHistory, DriftHistory)
    do throws(DriftError) {
      again = try DriftHistory(history.bytes)
      var written = DriftHistory()
      for entry in history.entries { try written.append(entry, replacing: false) }
      copy = try DriftHistory(written.bytes)
    } catch { throw BrokenInvariant("a history that was read is good: \(error)") }
    try require(again.entries == history.entries, "what was read is read again")
    try require(copy.entries == history.entries, "an entry that is written is read back")
    let document = DriftDocument(history, path: "h").text
    let isJSON = (try? JSONValue(document.utf8)).map { $0.text + "\n" == document }
    try require(isJSON == true, "a document is JSON that reads back as it was written: \(document.debugDescription)")
    guard !history.entries.isEmpty else { return .accepted }
    let report = DriftReport(history, path: "h").text
    let isVisible = report.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
    try require(isVisible, "a report is lines of visible text: \(report.debugDescription)")
    return .accepted
  }
}
