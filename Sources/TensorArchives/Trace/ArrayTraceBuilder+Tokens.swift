import TraceFormat

extension ArrayTraceBuilder {
  /// Reads an array of tokens.
  mutating func readTokens(
    _ array: StoredArray, _ reading: ArrayReading, _ captures: ArrayPattern.Captures
  ) throws(ArchiveError) {
    var reading = reading
    if reading.axes == nil { reading.axes = captures.position == nil ? [.position] : [] }
    let axes = reading.axes ?? []
    guard axes.contains(.position) != (captures.position != nil) else {
      throw archive.error(
        array, .invalid("position", expected: "{position} in the pattern or position among the axes", found: "neither"))
    }
    let ids = try TokenArray(archive, array, reading).values()
    for (index, id) in ids.enumerated() {
      let (position, overflow) = (captures.position ?? index).addingReportingOverflow(reading.firstPosition)
      guard !overflow, (0..<Int(Int32.max)).contains(position) else {
        throw archive.error(
          array, .invalid("position", expected: "a number from 0 to 2^31 - 2", found: "\(position)"))
      }
      take(id, position: position, of: array)
    }
  }

  /// Takes a token; where its file has one for the position already, it must be the same.
  mutating func take(_ id: Int, position: Int, of array: StoredArray) {
    hasTokens = true
    let part = tokenPartOfFile[array.file] ?? tokenParts.count
    if part == tokenParts.count {
      tokenParts.append((archive.files[array.file].path, [:]))
      tokenPartOfFile[array.file] = part
    }
    guard let known = tokenParts[part].tokens[position] else {
      tokenParts[part].tokens[position] = TraceToken(id: id)
      return
    }
    if known.id != id { takeProblem(array, .tokenRepeated(position: position, ids: [known.id, id])) }
  }
}
