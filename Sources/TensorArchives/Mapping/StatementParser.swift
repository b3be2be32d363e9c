import TraceFormat

/// Reads the words of a statement behind its first one.
struct StatementParser {
  var words: ArraySlice<MappingLine.Word>
  let file: String
  let line: Int

  /// An error about the line.
  func invalid(_ what: String, _ expected: String, _ found: String) -> ArchiveError {
    ArchiveError(file, .line(line), .invalid(what, expected: expected, found: found))
  }

  /// `PATTERN -> SITE [attributes]`
  mutating func tensor() throws(ArchiveError) -> ArrayMapping.Statement {
    let pattern = try pattern()
    guard let arrow = words.popFirst(), arrow.text == "->", !arrow.isQuoted, let site = words.popFirst() else {
      throw invalid("statement", "tensor PATTERN -> SITE", "no '->' and site after '\(pattern.text)'")
    }
    let name = try name(site, pattern)
    let reading = try attributes(["axes", "batch", "positions", "layers", "rope", "dtype"])
    try requireNumbers(pattern, reading)
    guard pattern.catchesPosition || (reading.axes?.contains(.position) ?? false) else {
      throw invalid("position", "{position} in the pattern or position among the axes", "neither")
    }
    return ArrayMapping.Statement(line: line, pattern: pattern, action: .tensor(name: name, reading))
  }

  /// `PATTERN [attributes]`
  mutating func tokens() throws(ArchiveError) -> ArrayMapping.Statement {
    let pattern = try pattern()
    let reading = try attributes(["axes", "batch", "positions"])
    let others = (reading.axes ?? []).filter { ![.batch, .position, .one].contains($0) }
    if let other = others.first { throw invalid("axes of tokens", "batch, position and one", other.rawValue) }
    guard !pattern.catchesLayer else { throw invalid("pattern of tokens", "no {layer}", pattern.text) }
    try requireNumbers(pattern, reading)
    return ArrayMapping.Statement(line: line, pattern: pattern, action: .tokens(reading))
  }

  /// `PATTERN`
  mutating func ignore() throws(ArchiveError) -> ArrayMapping.Statement {
    let pattern = try pattern()
    if let word = words.first { throw invalid("statement", "ignore PATTERN and nothing more", word.text) }
    return ArrayMapping.Statement(line: line, pattern: pattern, action: .ignore)
  }

  private mutating func pattern() throws(ArchiveError) -> ArrayPattern {
    guard let word = words.popFirst() else { throw invalid("statement", "a pattern", "nothing") }
    do throws(PatternError) { return try ArrayPattern(word) } catch {
      throw invalid("pattern", error.expected, word.text)
    }
  }

  /// The name of the records; what it is made of must be one that a trace can hold.
  private func name(_ word: MappingLine.Word, _ pattern: ArrayPattern) throws(ArchiveError) -> String {
    let name = word.text
    let parts = name.split(separator: "{site}", omittingEmptySubsequences: false)
    guard parts.count == 1 || pattern.catchesSite else { throw invalid("site", "{site} in the pattern too", name) }
    guard parts.count <= 2, TensorName.isValid(Array((parts.count == 1 ? name : parts.joined() + "x").utf8)),
      !parts.joined().contains(where: { "{}\\".contains($0) })
    else {
      throw invalid("site", "printable ASCII without blanks and , * ? = { } \\", name)
    }
    return name
  }

  /// Reads `NAME=VALUE` to the end of the line.
  private mutating func attributes(_ allowed: [String]) throws(ArchiveError) -> ArrayReading {
    var reading = ArrayReading()
    var seen: Set<String> = []
    while let word = words.popFirst() {
      let parts = word.text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, allowed.contains(parts[0]) else {
        let near = nearest(to: parts[0], among: allowed).map { " (\($0)?)" } ?? ""
        throw invalid("attribute", allowed.map { "\($0)=" }.joined(separator: ", "), word.text + near)
      }
      guard seen.insert(parts[0]).inserted else { throw invalid("attribute", "each once", word.text) }
      try read(parts[0], parts[1], &reading)
    }
    if reading.batch != nil, !(reading.axes?.contains(.batch) ?? false) {
      throw invalid("attribute", "batch among the axes, for batch=", "none")
    }
    return reading
  }

  private func read(_ name: String, _ value: String, _ reading: inout ArrayReading) throws(ArchiveError) {
    switch name {
    case "axes": reading.axes = try axes(value)
    case "batch": reading.batch = try number(name, value, atLeast: 0)
    case "positions": reading.firstPosition = try number(name, value, atLeast: -Self.greatest)
    case "layers": reading.firstLayer = try number(name, value, atLeast: -Self.greatest)
    case "rope": reading.rotation = try rotation(value)
    default:
      guard value == "bfloat16" else { throw invalid("dtype", "bfloat16", value) }
      reading.isBFloat16 = true
    }
  }

  private static let greatest = Int(Int32.max)

  private func number(_ name: String, _ value: String, atLeast least: Int) throws(ArchiveError) -> Int {
    guard let number = Int(value), (least...Self.greatest).contains(number) else {
      throw invalid(name, "an integer of at least \(least)", value)
    }
    return number
  }

  private func rotation(_ value: String) throws(ArchiveError) -> ArrayReading.Rotation {
    let parts = value.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts[0] == "halves" else { throw invalid("rope", "halves or halves:SIZE", value) }
    guard parts.count == 2 else { return .halves(size: nil) }
    let size = try number("rope=halves:SIZE", String(parts[1]), atLeast: 2)
    guard size % 2 == 0 else { throw invalid("rope=halves:SIZE", "an even number", String(parts[1])) }
    return .halves(size: size)
  }

  private func axes(_ value: String) throws(ArchiveError) -> [ArrayAxis] {
    var axes: [ArrayAxis] = []
    for word in value.split(separator: ",", omittingEmptySubsequences: false) {
      guard let axis = ArrayAxis(rawValue: String(word)) else {
        let names = ArrayAxis.allCases.map(\.rawValue)
        let near = nearest(to: String(word), among: names).map { " (\($0)?)" } ?? ""
        throw invalid("axes", names.joined(separator: ", "), (word.isEmpty ? "nothing" : String(word)) + near)
      }
      guard axis == .one || !axes.contains(axis) else { throw invalid("axes", "each once", value) }
      axes.append(axis)
    }
    for pair in Self.exclusive where pair.allSatisfy(axes.contains) {
      throw invalid("axes", "\(pair[0].rawValue) or \(pair[1].rawValue)", "both")
    }
    return axes
  }

  /// A vector is whole or split into heads, and what has a key for each earlier position has no elements.
  private static let exclusive: [[ArrayAxis]] = [
    [.feature, .head], [.feature, .element], [.key, .feature], [.key, .element],
  ]

  /// A layer or a position is told by the name or by an axis, not by both.
  private func requireNumbers(_ pattern: ArrayPattern, _ reading: ArrayReading) throws(ArchiveError) {
    let axes = reading.axes ?? []
    for (axis, isCaught) in [(ArrayAxis.layer, pattern.catchesLayer), (.position, pattern.catchesPosition)]
    where isCaught && axes.contains(axis) {
      throw invalid("\(axis.rawValue)", "a number in the name or an axis", "both")
    }
    guard reading.firstLayer == 0 || pattern.catchesLayer || axes.contains(.layer) else {
      throw invalid("layers=", "{layer} in the pattern or layer among the axes", "neither")
    }
  }
}
