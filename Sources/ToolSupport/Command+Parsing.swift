extension Command {
  /// Finds options and operands, without looking at any value.
  package func split(_ arguments: [Argument]) throws(UsageError) -> Split {
    var split = Split()
    var rest = arguments[...]
    while split.request == nil, let argument = rest.popFirst() {
      let bytes = argument.bytes
      if bytes == Array("--".utf8) {
        split.operands += rest
        break
      } else if bytes.starts(with: "--".utf8) {
        try splitLong(bytes.dropFirst(2), &rest, &split)
      } else if bytes.first == UInt8(ascii: "-"), bytes.count > 1 {
        try splitShort(bytes.dropFirst(), &rest, &split)
      } else {
        split.operands.append(argument)
      }
    }
    return split
  }

  /// `--name`, `--name value` or `--name=value`.
  private func splitLong(
    _ bytes: ArraySlice<UInt8>, _ rest: inout ArraySlice<Argument>, _ split: inout Split
  ) throws(UsageError) {
    let equals = bytes.firstIndex(of: UInt8(ascii: "="))
    let nameBytes = bytes[..<(equals ?? bytes.endIndex)]
    let written = "--" + Argument(bytes: nameBytes).visible
    if nameBytes.elementsEqual("help".utf8) || nameBytes.elementsEqual("version".utf8) {
      guard equals == nil else { throw UsageError("option '\(written)' takes no value") }
      split.request = nameBytes.elementsEqual("help".utf8) ? .help : .version
      return
    }
    guard let option = allOptions.first(where: { nameBytes.elementsEqual($0.name.utf8) }) else {
      throw unknown(written, name: Argument(bytes: nameBytes).visible)
    }
    var value = Argument(bytes: [])
    if option.valueName != nil {
      if let equals {
        value = Argument(bytes: bytes[(equals + 1)...])
      } else if let next = rest.popFirst() {
        value = next
      } else {
        throw UsageError("option '\(written)' needs a value")
      }
    } else if equals != nil {
      throw UsageError("option '\(written)' takes no value")
    }
    split.occurrences.append(Occurrence(option: option, value: OptionValue(option: written, argument: value)))
  }

  /// `-n 5`, `-n5`, or several options without values in one argument.
  private func splitShort(
    _ bytes: ArraySlice<UInt8>, _ rest: inout ArraySlice<Argument>, _ split: inout Split
  ) throws(UsageError) {
    var bytes = bytes
    while let byte = bytes.popFirst() {
      let written = "-" + Argument(bytes: [byte]).visible
      if byte == UInt8(ascii: "h") || byte == UInt8(ascii: "V") {
        split.request = byte == UInt8(ascii: "h") ? .help : .version
        return
      }
      guard let option = allOptions.first(where: { $0.short?.asciiValue == byte }) else {
        throw UsageError("unknown option '\(written)'; see --help")
      }
      var value = Argument(bytes: [])
      if option.valueName != nil {
        if !bytes.isEmpty {
          value = Argument(bytes: bytes)
        } else if let next = rest.popFirst() {
          value = next
        } else {
          throw UsageError("option '\(written)' needs a value")
        }
        bytes = []
      }
      split.occurrences.append(Occurrence(option: option, value: OptionValue(option: written, argument: value)))
    }
  }

  private var allOptions: [Option<Target>] { groups.flatMap(\.options) }

  private func unknown(_ written: String, name: String) -> UsageError {
    let names = allOptions.map(\.name) + ["help", "version"]
    guard let near = nearest(to: name, among: names) else {
      return UsageError("unknown option '\(written)'; see --help")
    }
    return UsageError("unknown option '\(written)'; did you mean '--\(near)'? see --help")
  }
}

/// The candidate that a misspelt name was probably meant to be; nil when none is near.
package func nearest(to name: String, among candidates: [String]) -> String? {
  let limit = name.utf8.count <= 4 ? 1 : 2
  let ranked = candidates.map { (candidate: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
  return ranked.filter { $0.distance <= limit }.min { $0.distance < $1.distance }?.candidate
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from one text to the other.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var rows = [Array(0...right.count)]
  for i in 0..<left.count {
    var row = [i + 1]
    for j in 0..<right.count {
      var best = min(rows[i][j] + (left[i] == right[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[left.count][right.count]
}
