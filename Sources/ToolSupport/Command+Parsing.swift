import TraceFormat

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
    if let option = versionOption(nameBytes, equals == nil ? rest.first : Argument(bytes: bytes[(equals ?? 0)...])) {
      let value = equals.map { Argument(bytes: bytes[($0 + 1)...]) } ?? rest.popFirst() ?? Argument("")
      split.occurrences.append(Occurrence(option: option, value: OptionValue(option: written, argument: value)))
      return
    }
    if nameBytes.elementsEqual("help".utf8) || nameBytes.elementsEqual("version".utf8) {
      guard equals == nil else { throw UsageError("option '\(written)' takes no value") }
      split.request = nameBytes.elementsEqual("help".utf8) ? .help : .version
      return
    }
    guard let option = allOptions.first(where: { $0.isNamed(nameBytes) }) else {
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

  /// The option that `--version` with a value stands for, where the program has one.
  ///
  /// - Parameter next: what stands behind an equals sign, the sign included, or the next argument.
  private func versionOption(_ name: ArraySlice<UInt8>, _ next: Argument?) -> Option<Target>? {
    guard let valuedVersion, name.elementsEqual("version".utf8), let next else { return nil }
    let isValue = next.bytes.first == UInt8(ascii: "=") || valuedVersion.values.contains(next.text ?? "")
    return isValue ? allOptions.first { $0.name == valuedVersion.option } : nil
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
        throw UsageError("unknown option '\(written)'; see \(helpWords)")
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

  /// How to ask for the help: of a part of a program by the part's name.
  private var helpWords: String { name.contains(" ") ? "\(name) --help" : "--help" }

  private var allOptions: [Option<Target>] { groups.flatMap(\.options) }

  private func unknown(_ written: String, name: String) -> UsageError {
    let names = allOptions.flatMap { [$0.name] + $0.aliases } + ["help", "version"]
    guard let near = nearest(to: name, among: names) else {
      return UsageError("unknown option '\(written)'; see \(helpWords)")
    }
    return UsageError("unknown option '\(written)'; did you mean '--\(near)'? see \(helpWords)")
  }
}
