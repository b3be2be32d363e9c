import TraceFormat

extension GoldenParser {
  /// What a reviewer's line says, as far as it is not told by the sketches.
  struct Review {
    let line: Int
    let place: GoldenPlace
    let rms: Double
    /// Where the place's sketches begin, once they were read.
    var sketchesLine = 0
  }

  mutating func parseReview(_ rest: Substring) throws(GoldenError) {
    let line = lines.number - 1
    let expected = "'at POSITION before|layer N|after RECORDS DIGEST rms NUMBER' and perhaps 'nonfinite RECORDS'"
    var parts = splitWords(rest)[...]
    guard let place = Self.takePlace(&parts), [4, 6].contains(parts.count) else { throw lines.invalid(expected) }
    let fields = Array(parts)
    guard let count = decimalNumber(fields[0]), count > 0, Self.isDigest(fields[1]), fields[2] == "rms",
      let rms = Double(fields[3]), rms.isFinite, rms >= 0,
      fields.count == 4 || fields[4] == "nonfinite" && decimalNumber(fields[5]) != nil
    else { throw lines.invalid(expected) }
    if let last = reviews.last {
      guard place != last.place else { throw .repeated(line: line, what: "the place \(place.text)") }
      guard last.place < place else { throw .outOfOrder(line: line, what: place.text, after: last.place.text) }
    }
    guard tokens.isEmpty || tokens[place.position] != nil else {
      throw lines.invalid("'token \(place.position) ID' above, since the position has records")
    }
    reviews.append(Review(line: line, place: place, rms: rms))
  }

  /// Reads the sketches of a place, by its number among the reviewer's lines.
  mutating func parseSketches(_ index: Int) throws(GoldenError) -> GoldenGroup {
    let review = reviews[index]
    reviews[index].sketchesLine = lines.number
    let heading = "at \(review.place.text)"
    guard try lines.take("'\(heading)'") == heading else {
      throw lines.invalid("'\(heading)', as line \(review.line) announces")
    }
    var records: [GoldenRecord?] = []
    for tensor in tensors where tensor.scope == review.place.scope {
      records.append(try parseSketch(tensor, review.place))
    }
    return GoldenGroup(place: review.place, records: records, rms: review.rms)
  }

  private mutating func parseSketch(
    _ tensor: GoldenTensor, _ place: GoldenPlace
  ) throws(GoldenError) -> GoldenRecord? {
    let what = "the sketch of \(tensor.name.text)"
    let parts = splitWords(try lines.take(what))
    if parts == [Substring(Golden.noRecord)] { return nil }
    guard parts.count == 1 || parts.count == 3, let sketch = Sketch(parts[0]) else {
      throw lines.invalid(
        "\(what), \(Sketch.textLength) characters and perhaps dtype and shape, or '\(Golden.noRecord)'")
    }
    var (type, pattern) = (Optional(tensor.type), Optional(tensor.shape))
    if parts.count == 3 { (type, pattern) = (Self.type(parts[1]), ShapePattern(parts[2])) }
    guard let type, let shape = pattern?.shape(position: place.position) else {
      throw lines.invalid("\(what) with a dtype and a shape")
    }
    return GoldenRecord(type: type, shape: shape, sketch: sketch)
  }
}
