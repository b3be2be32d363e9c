/// Ascending numbers as `0..3, 8`; at most a few ranges.
func rangesText(_ numbers: [Int]) -> String {
  var ranges: [(Int, Int)] = []
  for number in numbers {
    if let last = ranges.last, last.1 == number - 1 {
      ranges[ranges.count - 1].1 = number
    } else {
      ranges.append((number, number))
    }
  }
  let texts = ranges.prefix(8).map { $0.0 == $0.1 ? "\($0.0)" : "\($0.0)..\($0.1)" }
  return texts.joined(separator: ", ") + (ranges.count > 8 ? " and \(ranges.count - 8) more ranges" : "")
}

/// Alternatives as `a, b or c`; with semicolons where one holds a comma; at most a few.
///
/// - Parameter word: what stands before the last one.
func alternativesText(_ alternatives: [String], last word: String = "or", limit: Int = 6) -> String {
  var shown = Array(alternatives.prefix(limit))
  if alternatives.count > limit { shown.append("\(word == "or" ? "one of " : "")\(alternatives.count - limit) more") }
  guard shown.count > 1, let last = shown.popLast() else { return shown.first ?? "" }
  let hasComma = (shown + [last]).contains { $0.contains(",") }
  return hasComma
    ? (shown + ["\(word) \(last)"]).joined(separator: "; ") : "\(shown.joined(separator: ", ")) \(word) \(last)"
}
