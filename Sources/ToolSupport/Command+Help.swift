extension Command {
  /// The text of `--help`, at most 100 columns wide.
  package var help: String {
    var lines: [String] = []
    for (index, form) in usage.enumerated() {
      lines.append((index == 0 ? "usage: " : "       ") + "\(name) \(form)")
    }
    lines.append("")
    lines += wrapped(summary, width: Self.width)
    for group in groups + [Self.common] {
      lines.append("")
      lines.append("\(group.title):")
      for option in group.options { lines += describe(option) }
    }
    for paragraph in details {
      lines.append("")
      for line in paragraph.split(separator: "\n", omittingEmptySubsequences: false) {
        lines += line.hasPrefix(" ") ? [String(line)] : wrapped(String(line), width: Self.width)
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static var width: Int { 100 }
  private static var column: Int { 26 }

  private static var common: OptionGroup<Target> {
    OptionGroup(
      "Other options",
      [
        Option("help", short: "h", help: "Print this text.", effect: { _ in }),
        Option("version", short: "V", help: "Print the version.", effect: { _ in }),
      ])
  }

  private func describe(_ option: Option<Target>) -> [String] {
    let short = option.short.map { "-\($0), " } ?? "    "
    let value = option.valueName.map { " \($0)" } ?? ""
    let names = "  \(short)--\(option.name)\(value)"
    let others = option.aliases.map { " Also --\($0)." }.joined()
    let text = wrapped(option.help + others, width: Self.width - Self.column)
    let indent = String(repeating: " ", count: Self.column)
    let isWide = names.count > Self.column - 2
    let first = isWide ? [names] : []
    let rest = text.enumerated().map { index, line in
      index == 0 && !isWide
        ? names + String(repeating: " ", count: Self.column - names.count) + line : indent + line
    }
    return first + rest
  }
}

/// Breaks text between words into lines of at most a width; a longer word gets a line of its own.
package func wrapped(_ text: String, width: Int) -> [String] {
  var lines: [String] = []
  var line = ""
  for word in text.split(separator: " ") {
    if !line.isEmpty, line.count + 1 + word.count > width {
      lines.append(line)
      line = ""
    }
    line += line.isEmpty ? String(word) : " \(word)"
  }
  return lines + (line.isEmpty ? [] : [line])
}
