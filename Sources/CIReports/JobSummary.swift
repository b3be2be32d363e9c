import TraceFormat

/// A check as Markdown for the page of a GitHub job.
package struct JobSummary {
  /// How many cases that failed, and how many tensors, are listed.
  static let listingLimit = 20

  /// The text; it ends with an empty line, so that others can be added behind it.
  package let text: String

  /// The summary of a check.
  package init(_ summary: CheckSummary) {
    let mark = summary.exitStatus == 0 ? ":white_check_mark:" : summary.exitStatus == 1 ? ":x:" : ":warning:"
    var lines = ["### \(mark) \(Self.plain("\(summary.tool): \(summary.outcome)"))", ""]
    lines += [Self.plain(summary.headline), ""]
    lines += [Self.plain(summary.subject), ""]
    lines += [summary.countsText, ""]
    lines += Self.wrong(summary)
    lines += Self.overview(summary)
    text = lines.joined(separator: "\n") + "\n"
  }

  /// The cases that failed or could not be checked.
  private static func wrong(_ summary: CheckSummary) -> [String] {
    let wrong = summary.cases.filter { $0.status == .failed || $0.status == .error }
    guard !wrong.isEmpty else { return [] }
    var lines = ["| | tensor | where | what |", "|---|---|---|---|"]
    for value in wrong.prefix(listingLimit) {
      lines.append(
        "| \(value.status.rawValue) | \(plain(value.name)) | \(plain(value.title)) | \(plain(value.message)) |")
    }
    if wrong.count > listingLimit { lines.append("| | | | ... \(wrong.count - listingLimit) more |") }
    return lines + [""]
  }

  /// How many layers of each tensor ended how, folded away.
  private static func overview(_ summary: CheckSummary) -> [String] {
    var names: [String] = []
    var counts: [String: [CheckSummary.Status: Int]] = [:]
    for value in summary.cases {
      if counts[value.name] == nil { names.append(value.name) }
      counts[value.name, default: [:]][value.status, default: 0] += 1
    }
    var lines = ["<details><summary>All tensors</summary>", ""]
    lines += ["| tensor | passed | failed | errors | skipped |", "|---|--:|--:|--:|--:|"]
    for name in names.prefix(5 * listingLimit) {
      let numbers = CheckSummary.Status.allCases.map { String(counts[name]?[$0] ?? 0) }
      lines.append("| \(plain(name)) | \(numbers.joined(separator: " | ")) |")
    }
    if names.count > 5 * listingLimit { lines.append("| ... \(names.count - 5 * listingLimit) more | | | | |") }
    return lines + ["", "</details>", ""]
  }

  /// Text on one line that Markdown shows as it is.
  static func plain(_ text: String) -> String {
    var result = ""
    for scalar in visibleText(text.utf8).unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "|": result += "&#124;"
      case "@": result += "&#64;"
      case "\\", "`", "*", "_", "{", "}", "[", "]", "(", ")", "#", "!", "~", "$", ":":
        result += "\\" + String(scalar)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
