import TestSupport
import Testing
import TraceFormat

/// One trace in several files against the same trace in one.
@Suite struct TracePartsTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// How a run divides its records among files.
  enum Division: String, CaseIterable, Sendable {
    case layers, positions, ranks, everyRecord

    /// The number of the part that records a key; a part of later positions also holds the cache of the earlier ones.
    func holds(_ key: RecordKey, part: Int) -> Bool {
      switch self {
      case .layers: key.layer.map { $0 == part } ?? (part == (key.name < .site(.logits) ? 0 : 1))
      case .positions: key.position / 2 == part || (key.name.site?.isCached ?? false) && key.position / 2 < part
      case .ranks: (key.name.text.utf8.count + key.position) % 2 == part
      case .everyRecord: true
      }
    }
  }

  /// Writes a trace as two parts.
  private func write(
    _ trace: SyntheticTrace, _ division: Division, _ change: (inout SyntheticTrace, Int) -> Void = { _, _ in }
  ) throws -> [String] {
    try (0..<2).map { number in
      var part = trace
      part.records = trace.records.filter { division.holds($0.key, part: number) }
      // A text that one part does not know is the other's.
      if division == .ranks { part.tokens[number]?.text = nil }
      part.header[integer: .part] = number
      part.header[integer: .parts] = 2
      change(&part, number)
      return try part.write(to: folder.path("part\(number).trace"))
    }
  }

  private func problems(_ paths: [String]) throws -> [TraceError] {
    let parts = try TraceParts(paths: paths)
    return parts.problems
  }

  @Test(arguments: Division.allCases)
  func theSameAsOneFile(division: Division) throws {
    let trace = SyntheticTrace(layers: 2, positions: 4)
    var parts = try TraceParts(paths: write(trace, division))
    let (problems, isComplete, count, tokens) = (parts.problems, parts.isComplete, parts.recordCount, parts.tokens)
    #expect(problems == [] && isComplete && count == trace.records.count && tokens == trace.tokens)
    var keys: [RecordKey] = []
    while let key = parts.next() {
      keys.append(key)
      let bytes = try parts.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
      #expect(bytes == trace.records[key]?.bytes)
    }
    #expect(keys == trace.records.keys.sorted())
    for place in [0, keys.count / 2, keys.count - 1] {
      let (key, isThere) = (parts.key(at: place), parts.contains(keys[place]))
      let verified = parts.withVerifiedRecord(keys[place]) { $0.elementCount }
      #expect(key == keys[place] && isThere && verified != nil)
    }
    let none = RecordKey(.logits, layer: nil, position: 9)
    let isThere = parts.contains(none)
    let lent: Void? = try parts.withRecord(none) { _ in }
    let verified: Void? = parts.withVerifiedRecord(none) { _ in }
    #expect(!isThere && lent == nil && verified == nil)
  }

  /// Any number of parts, any of which may hold any record, written in any order.
  @Test(arguments: 0..<30)
  func randomDivisions(seed: UInt64) throws {
    var generator = SplitMix(seed: seed)
    var trace = SyntheticTrace(seed: seed, layers: 2, positions: 3)
    trace.records[RecordKey(.other("mine"), layer: nil, position: 1)] = SyntheticTrace.Record([1] as [Float])
    let count = Int.random(in: 1...6, using: &generator)
    var parts = [SyntheticTrace](repeating: trace, count: count)
    for number in parts.indices { parts[number].records = [:] }
    for key in trace.records.keys.sorted() {
      parts[Int.random(in: 0..<count, using: &generator)].records[key] = trace.records[key]
      while Int.random(in: 0..<4, using: &generator) == 0 {
        parts[Int.random(in: 0..<count, using: &generator)].records[key] = trace.records[key]
      }
    }
    var paths: [String] = []
    for (number, part) in parts.enumerated() {
      let keys = part.records.keys.sorted()
      let order = Bool.random(using: &generator) ? keys : keys.shuffled(using: &generator)
      paths.append(try part.write(to: folder.path("\(number).trace"), order: order))
    }
    var whole = try TraceParts(paths: paths.shuffled(using: &generator))
    let problems = whole.problems
    #expect(problems == [], "seed \(seed)")
    var keys: [RecordKey] = []
    while let key = whole.next() {
      keys.append(key)
      let bytes = try whole.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
      #expect(bytes == trace.records[key]?.bytes, "seed \(seed)")
    }
    #expect(keys == trace.records.keys.sorted(), "seed \(seed)")
  }

  @Test func copiesThatDiffer() throws {
    let key = RecordKey(.keyRotation, layer: 0, position: 0)
    let paths = try write(SyntheticTrace(layers: 2, positions: 4), .positions) { part, number in
      guard number == 1 else { return }
      part.change(key, at: 0) { $0 + 1 }
      part.change(RecordKey(.valueProjection, layer: 1, position: 1), at: 0) { $0 + 1 }
    }
    let parts = try TraceParts(paths: paths)
    let problems = parts.problems
    #expect(problems == [.copiesDiffer(key, more: 1, path: paths[0], otherPath: paths[1])])
    #expect(
      problems[0].description
        == "\(paths[0]) and \(paths[1]) hold different bytes for k.rope, layer 0, position 0, and so for 1 more record")
  }

  /// Damage in any copy of a record is said when the record is read, whichever copy is used.
  @Test(arguments: [0, 1])
  func aDamagedCopy(damaged: Int) throws {
    let trace = SyntheticTrace(layers: 2, positions: 4)
    let paths = try write(trace, .positions)
    let key = RecordKey(.keyRotation, layer: 0, position: 0)
    let record = try #require(trace.records[key])
    var bytes = try folder.read("part\(damaged).trace")
    let place = try #require(bytes.indices.first { bytes[$0...].starts(with: record.bytes) })
    bytes[place] ^= 1
    try folder.write(bytes, as: "part\(damaged).trace")
    let parts = try TraceParts(paths: paths)
    do throws(TraceError) {
      _ = try parts.withRecord(key) { _ in }
      Issue.record("the record was lent")
    } catch {
      guard case .inPart(paths[damaged], .wrongChecksum(.record, _, _, _)) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(error.description.hasPrefix("\(paths[damaged]): record at offset "))
    }
    let other = try parts.withRecord(RecordKey(.queryRotation, layer: 0, position: 0)) { _ in true }
    #expect(other == true)
  }

  @Test func missingParts() throws {
    let paths = try write(SyntheticTrace(), .layers) { part, _ in part.header[integer: .parts] = 4 }
    #expect(try problems(paths) == [.partsMissing(numbers: [2, 3], count: 4)])
    #expect(try problems(paths)[0].description == "of 4 parts numbers 2, 3 are missing")
    #expect(try problems([paths[1]])[0].description == "of 4 parts numbers 0, 2, 3 are missing")
    // A part that does not say its number may be any.
    let unnumbered = try write(SyntheticTrace(), .layers) { part, number in
      if number == 1 { part.header[integer: .part] = nil }
    }
    #expect(try problems(unnumbered) == [])
    #expect(try problems([unnumbered[0]]) == [.partsMissing(numbers: [1], count: 2)])
    // A damaged count does not make a list of all.
    let many = try write(SyntheticTrace(), .layers) { part, _ in part.header[integer: .parts] = 1 << 40 }
    #expect(
      try problems(many)[0].description == "of 1099511627776 parts numbers 2, 3, 4, 5, 6, 7, 8, 9, ... are missing")
  }

  @Test func wrongPartNumbers() throws {
    let doubled = try write(SyntheticTrace(), .layers) { part, _ in part.header[integer: .part] = 1 }
    #expect(
      try problems(doubled) == [
        .partRepeated(number: 1, path: doubled[0], otherPath: doubled[1]), .partsMissing(numbers: [0], count: 2),
      ])
    let outside = try write(SyntheticTrace(), .layers) { part, number in part.header[integer: .part] = 2 * number }
    #expect(
      try problems(outside) == [
        .partOutOfRange(number: 2, count: 2, path: outside[1]), .partsMissing(numbers: [1], count: 2),
      ])
    let description = try problems(outside)[0].description
    #expect(description.hasSuffix("says that it is part 2: expected 0 to 1, since there are 2"))
  }

  /// Numbers at the ends of their range are as wrong as any.
  @Test(arguments: [Int.min, -1, 0])
  func countsThatAreNone(count: Int) throws {
    let paths = try write(SyntheticTrace(), .layers) { part, _ in part.header[integer: .parts] = count }
    let found = try problems(paths)
    #expect(found == [.partCountInvalid(count)])
    #expect(found.first?.description == "number of parts: expected at least 1, found \(count)")
  }

  @Test(arguments: [HeaderField.firstLayer, .lastLayer, .layerCount, .part, .parts], [Int.min, Int.max])
  func extremes(field: HeaderField, value: Int) throws {
    for changed in 0...1 {
      let paths = try write(SyntheticTrace(), .layers) { part, number in
        if number == changed { part.header[integer: field] = value }
      }
      let parts = try TraceParts(paths: paths)
      #expect(parts.recordCount > 0)
    }
  }

  /// Fields of the model and the run must agree; what only one part says is no disagreement.
  @Test(arguments: HeaderField.allCases)
  func headers(field: HeaderField) throws {
    let united: Set<HeaderField> = [
      .part, .sites, .firstLayer, .lastLayer, .firstPosition, .lastPosition,
    ]
    func value(_ number: Int) -> HeaderValue {
      switch field {
      case .checkpointFingerprint, .precision, .prompt, .sites: .text(Array("q.rope\(number)".utf8))
      case .normEpsilon, .ropeBase, .temperature, .topP: .real(Double(number))
      default: .integer(Int64(number))
      }
    }
    func disagreements(_ values: [HeaderValue?]) throws -> [TraceError] {
      let paths = try write(SyntheticTrace(), .layers) { part, number in
        part.header.fields[field.rawValue] = values[number]
      }
      return try problems(paths).filter { if case .partsDisagree = $0 { true } else { false } }
    }
    let differing = try disagreements([value(0), value(1)])
    #expect(differing.count == (united.contains(field) ? 0 : 1))
    #expect(differing.allSatisfy { $0.description.contains("part0.trace and ") })
    #expect(try disagreements([value(1), value(1)]) == [])
    #expect(try disagreements([value(1), nil]) == [])
    if case .real = value(0) { #expect(try disagreements([.real(.nan), .real(.nan)]) == []) }
  }

  /// What the headers of parts say together.
  @Test func theUnitedHeader() throws {
    let paths = try write(SyntheticTrace(layers: 4), .everyRecord) { part, number in
      part.header.producer = "rank \(number)"
      part.header[integer: .firstLayer] = 2 * number
      part.header[integer: .lastLayer] = 2 * number + 1
      part.header[integer: .firstPosition] = 0
      part.header[text: .sites] = number == 0 ? "x.embed,q.rope,mine" : "mine,q.rope,logits"
      part.header.fields["rank"] = .integer(Int64(number))
      part.header.fields["host"] = .text([65])
      part.header[integer: .seed] = number == 0 ? 7 : nil
    }
    let parts = try TraceParts(paths: paths)
    let (header, problems) = (parts.header, parts.problems)
    #expect(problems == [])
    #expect(header.producer == "rank 0, rank 1")
    #expect(header[integer: .firstLayer] == 0 && header[integer: .lastLayer] == 3)
    #expect(header[integer: .firstPosition] == 0 && header[integer: .lastPosition] == nil)
    // Neither part was to record what is outside the layers.
    #expect(header[text: .sites] == "q.rope,mine")
    #expect(header.fields["rank"] == nil && header.fields["host"] == .text([65]))
    #expect(header[integer: .seed] == 7 && header[integer: .part] == nil && header[integer: .parts] == 2)
  }

  /// A header promises every site at all its layers and positions; of parts that promise less, none is named.
  @Test(
    arguments: [
      // One has layer 0, the other what is outside the layers.
      ([(0, 0, nil, nil, "q.rope"), (nil, nil, nil, nil, "logits,x.embed")], nil),
      ([(0, 1, 0, 3, "q.rope,k.rope"), (0, 1, 0, 3, "k.rope,logits")], "q.rope,k.rope"),
      ([(0, 1, 0, 3, "q.rope,k.rope"), (2, 3, 0, 3, "k.rope")], nil),
      ([(0, 1, 0, 3, "q.rope"), (2, 3, 0, 3, "q.rope")], "q.rope"),
      ([(0, 1, 0, 3, "q.rope"), (2, 3, 0, 2, "q.rope")], nil),
      ([(0, 0, 0, 3, "q.rope"), (2, 3, 0, 3, "q.rope")], nil),
      ([(0, 3, 0, 0, "q.rope,logits"), (0, 3, 5, 5, "q.rope,logits")], nil),
      ([(0, 3, 0, 4, "q.rope,logits"), (0, 3, 5, 5, "q.rope,logits")], "q.rope,logits"),
      // Four quarters, of which the last may be smaller.
      ([(0, 1, 0, 1, "q.rope"), (2, 3, 2, 3, "q.rope"), (0, 1, 2, 3, "q.rope"), (2, 3, 0, 1, "q.rope")], "q.rope"),
      ([(0, 1, 0, 1, "q.rope"), (2, 3, 2, 3, "q.rope"), (0, 1, 2, 3, "q.rope"), (3, 3, 0, 1, "q.rope")], nil),
      // The first and the last layer alone reach everywhere.
      ([(0, 3, 0, 0, "q.rope"), (0, 0, 1, 2, "q.rope"), (3, 3, 1, 2, "q.rope")], nil),
      ([(nil, nil, nil, nil, "q.rope"), (1, 2, nil, nil, "q.rope")], "q.rope"),
    ] as [([(Int?, Int?, Int?, Int?, String)], String?)])
  func promises(parts: [(Int?, Int?, Int?, Int?, String)], sites: String?) {
    let headers = parts.map { firstLayer, lastLayer, firstPosition, lastPosition, sites in
      var header = TraceHeader(producer: "p")
      header[integer: .layerCount] = 4
      header[integer: .firstLayer] = firstLayer
      header[integer: .lastLayer] = lastLayer
      header[integer: .firstPosition] = firstPosition
      header[integer: .lastPosition] = lastPosition
      header[text: .sites] = sites
      return header
    }
    for order in [headers, headers.reversed()] {
      let united = TraceHeader.united(order.map { ("p.trace", $0) })
      #expect(united.header[text: .sites] == sites && united.problems == [])
    }
  }

  @Test func tokensThatDiffer() throws {
    let paths = try write(SyntheticTrace(), .layers) { part, number in
      guard number == 1 else { return }
      part.tokens[1] = TraceToken(id: 9)
      part.tokens[2]?.text = Array("other".utf8)
      part.tokens[0]?.text = nil
    }
    let parts = try TraceParts(paths: paths)
    let (problems, tokens) = (parts.problems, parts.tokens)
    #expect(
      problems == [
        .tokensDiffer(
          position: 1, more: 1, path: paths[0], token: TraceToken(id: 2, text: Array("t1".utf8)), otherPath: paths[1],
          otherToken: TraceToken(id: 9))
      ])
    #expect(
      problems[0].description
        == "the token of position 1 is 2 \"t1\" in \(paths[0]) and 9 in \(paths[1]), and so for 1 more position")
    #expect(tokens[0]?.text == Array("t0".utf8))
  }

  @Test func partsThatAreCutOrNoTraces() throws {
    let trace = SyntheticTrace()
    let whole = try trace.write(to: folder.path("a.trace"))
    let cut = try trace.write(to: folder.path("b.trace"), isFinished: false)
    let parts = try TraceParts(paths: [whole, cut])
    let (isComplete, count, problems) = (parts.isComplete, parts.recordCount, parts.problems)
    #expect(!isComplete && count == trace.records.count && problems.count == 1)
    #expect(problems[0].description.hasPrefix("\(cut): the trace is cut short: it ends at offset "))
    try folder.write(Array("not a trace".utf8), as: "text")
    for (path, message) in [("text", "text: not a trace but text"), ("none", "none: cannot open: ")] {
      do throws(TraceError) {
        _ = try TraceParts(paths: [whole, folder.path(path)]).recordCount
        Issue.record("\(path) was opened")
      } catch { #expect(error.description.contains(message) && error.description.hasPrefix(folder.path(path))) }
    }
  }
}
