import TraceComparison
import TraceFormat

/// A tensor as rows of numbers: heads and positions where the site has them.
struct TensorText {
  private static let lineWidth = 100
  private static let columnWidth = 13
  private static let elementLimit = 24
  private static let rowLimit = 20

  let headSize: Int?
  let isFull: Bool

  /// The lines of a tensor's elements.
  func lines(_ record: RecordView) -> [String] {
    let (rowLength, label) = layout(record)
    guard record.elementCount > 0, rowLength > 0 else { return ["  (no elements)"] }
    let rowCount = record.elementCount / rowLength
    let shown = isFull ? rowCount : min(rowCount, Self.rowLimit)
    var lines: [String] = []
    for row in 0..<shown {
      let name = rowCount > 1 || label != "row" ? "\(label) \(row)" : ""
      lines += self.row(record, name, from: row * rowLength, count: rowLength)
    }
    if shown < rowCount { lines.append("  ... \(rowCount - shown) more rows") }
    return lines
  }

  /// How many elements make a row, and what a row is called.
  private func layout(_ record: RecordView) -> (rowLength: Int, label: String) {
    let dimensions = record.shape.dimensions
    let site = record.key.name.site
    if dimensions.count >= 2 {
      return (dimensions.last ?? 1, site?.shape == .headsByPositions ? "head" : "row")
    }
    if let site, site.isSplitIntoHeads, let headSize, headSize > 0, record.elementCount % headSize == 0 {
      return (headSize, "head")
    }
    return (record.elementCount, "row")
  }

  private func row(_ record: RecordView, _ name: String, from start: Int, count: Int) -> [String] {
    let shown = isFull ? count : min(count, Self.elementLimit)
    // Every line begins with the index of its first element.
    let last = record.shape.coordinates(of: max(0, record.elementCount - 1))
    let indexWidth = Self.index(last).count
    let nameWidth = name.isEmpty ? 0 : 10
    let margin = 2 + nameWidth + indexWidth
    let perLine = max(1, (Self.lineWidth - margin) / Self.columnWidth)
    var lines: [String] = []
    for first in stride(from: 0, to: shown, by: perLine) {
      let texts = (first..<min(first + perLine, shown)).map { padded(value(record, start + $0), to: Self.columnWidth) }
      let label = "  " + (first == 0 ? name : "")
      let index = Self.index(record.shape.coordinates(of: start + first))
      let gap = String(repeating: " ", count: max(1, 2 + nameWidth - label.count))
      let rest = String(repeating: " ", count: max(0, indexWidth - index.count))
      lines.append((name.isEmpty ? "  " : label + gap) + index + rest + texts.joined())
    }
    if shown < count { lines[lines.count - 1] += "  ... \(count - shown) more" }
    return lines
  }

  /// As `[1, 20]`.
  private static func index(_ coordinates: [Int]) -> String {
    "[" + coordinates.map(String.init).joined(separator: ", ") + "]"
  }

  private func value(_ record: RecordView, _ index: Int) -> String {
    let value = record.element(index)
    return isFull ? NumberText.exact(value, record.elementType) : NumberText.rounded(value, digits: 6)
  }
}

/// Text moved to the right of a column; always at least one space before it.
func padded(_ text: String, to width: Int) -> String {
  String(repeating: " ", count: max(1, width - text.count)) + text
}
