import TraceComparison
import TraceFormat

extension FuzzedReaders {
  /// Reads bytes as a trace, visits every record and compares it with itself, reads it as a stream; then again with the
  /// checksums made right.
  ///
  /// Without the second time nearly every mutation would end at a wrong checksum, and what is behind it would hardly be
  /// tried.
  package static func trace(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    let outcome = try visit(bytes)
    try requireComparison(bytes)
    try requireStream(bytes)
    let repaired = withRightChecksums(bytes)
    if repaired != bytes {
      _ = try visit(repaired)
      try requireComparison(repaired)
      try requireStream(repaired)
    }
    return outcome
  }

  /// A trace agrees with itself, under every tolerance; and whatever it holds, a report of it can be printed.
  private static func requireComparison(_ bytes: [UInt8]) throws(BrokenInvariant) {
    for tolerance in [Tolerance.default, .exact, Tolerance(ulp: 1)] {
      let comparison = Comparison(tolerance: tolerance, filter: RecordFilter(), comparesCommonOnly: false)
      let verdict: Verdict
      do throws(TraceError) {
        let first = try open(bytes)
        let second = try open(bytes)
        verdict = comparison.compare(first, second)
      } catch { return }
      try require(verdict.differingRecords == 0 && verdict.divergentRecords == 0, "a trace agrees with itself")
      try require(verdict.unmatched.expected.isEmpty && verdict.unmatched.actual.isEmpty, "no record lacks itself")
      let report = Report(verdict, expectedPath: "a", actualPath: "b").text
      let isVisible = report.unicodeScalars.allSatisfy { $0 == "\n" || $0.properties.generalCategory != .control }
      try require(isVisible, "a report is lines of visible text: \(report.debugDescription)")
      let document = VerdictDocument(verdict, expectedPath: "a", actualPath: "b").text
      try require(document.utf8.last == UInt8(ascii: "\n"), "a document is one line")
    }
  }

  private static func open(_ bytes: [UInt8]) throws(TraceError) -> TraceFile {
    let file: MappedFile
    do throws(FileError) { file = try MappedFile(copying: bytes, name: "input") } catch { throw .file(error) }
    return try TraceFile(file)
  }

  private static func visit(_ bytes: [UInt8]) throws(BrokenInvariant) -> Outcome {
    var trace: TraceFile
    do {
      trace = try TraceFile(MappedFile(copying: bytes, name: "input"))
    } catch {
      return .refused(try message(of: error))
    }
    let (byteCount, recordCount) = (trace.byteCount, trace.recordCount)
    try require(byteCount == bytes.count && trace.recordCount * 128 <= bytes.count, "records fit into the file")
    try require((1...64).contains(trace.header.producer.utf8.count), "a producer has 1 to 64 bytes")
    let isComplete = trace.isComplete
    try require(isComplete || !trace.problems.isEmpty, "a trace without an index has problems")
    var messages: [String] = []
    for problem in trace.problems { messages.append(try message(of: problem)) }
    let withoutToken = Set(
      trace.problems.compactMap { if case .tokenMissing(let position, _) = $0 { position } else { nil } })

    var keys: [RecordKey] = []
    var payloads: [Range<UInt>] = []
    while let key = trace.next() {
      let last = keys.last
      try require(last.map { $0 < key } ?? true, "keys ascend: \(key)")
      let hasToken = trace.tokens[key.position] != nil || withoutToken.contains(key.position)
      try require(hasToken, "a position without a token is a problem: \(key)")
      keys.append(key)
      switch try payload(of: key, in: trace) {
      case .success(let payload?): payloads.append(payload)
      case .success(nil): break
      case .failure(let error):
        try require(isComplete, "what was found without an index is good: \(key): \(error)")
        messages.append(try message(of: error))
      }
    }
    let visited = keys.count
    try require(visited == recordCount && trace.next() == nil, "next() names \(recordCount) records: \(visited)")
    try requireApart(payloads)
    try requireRandomAccess(trace, keys)
    return messages.isEmpty ? .accepted : .damaged(messages)
  }

  /// Reads a record, and returns where in memory its payload lies; nil where it has none.
  private static func payload(
    of key: RecordKey, in trace: borrowing TraceFile
  ) throws(BrokenInvariant) -> Result<Range<UInt>?, TraceError> {
    let checked: Result<Range<UInt>?, BrokenInvariant>?
    do {
      checked = try trace.withRecord(key) { record in
        Result { () throws(BrokenInvariant) in try check(record, key) }
      }
    } catch { return .failure(error) }
    guard let checked else { throw BrokenInvariant("\(key) is found by its key") }
    return .success(try checked.get())
  }

  private static func check(_ record: RecordView, _ key: RecordKey) throws(BrokenInvariant) -> Range<UInt>? {
    let (count, shape, byteCount) = (record.elementCount, record.shape, record.payload.byteCount)
    try require(record.key == key, "\(key) is lent under its key")
    try require(
      shape.elementCount == count && byteCount == count * record.elementType.size,
      "\(key): \(byteCount) bytes hold \(count) elements of \(shape)")
    for index in 0..<count {
      _ = record.element(index)
      let coordinates = shape.coordinates(of: index)
      let isInside = zip(coordinates, shape.dimensions).allSatisfy { $0 >= 0 && $0 < $1 }
      try require(isInside && coordinates.count == shape.rank, "\(key): element \(index) is in \(shape)")
    }
    return record.payload.withUnsafeBytes { buffer -> Range<UInt>? in
      guard let base = buffer.baseAddress, !buffer.isEmpty else { return nil }
      let start = UInt(bitPattern: base)
      return start..<(start + UInt(buffer.count))
    }
  }

  private static func requireApart(_ payloads: [Range<UInt>]) throws(BrokenInvariant) {
    let sorted = payloads.sorted { $0.lowerBound < $1.lowerBound }
    try require(sorted.allSatisfy { $0.lowerBound % 64 == 0 }, "payloads are aligned")
    let areApart = zip(sorted, sorted.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound }
    try require(areApart, "no two records share bytes")
  }

  /// Any record can be asked for at any time, and what is not there is not found.
  private static func requireRandomAccess(
    _ trace: borrowing TraceFile, _ keys: [RecordKey]
  ) throws(BrokenInvariant) {
    let present = Set(keys)
    for key in keys.reversed() {
      _ = try payload(of: key, in: trace)
      var other = key
      other.position = key.position == 0 ? Int(Int32.max) : key.position - 1
      guard !present.contains(other) else { continue }
      let found: Bool?
      do { found = try trace.withRecord(other) { _ in true } } catch {
        throw BrokenInvariant("what is not there is not read: \(other): \(error)")
      }
      try require(found == nil, "there is no \(other)")
    }
  }

  /// The bytes of a trace with the checksum of every chunk made right, as far as chunks can be told apart.
  package static func withRightChecksums(_ bytes: [UInt8]) -> [UInt8] {
    var result = bytes
    var offset = 0
    while result.count - offset >= 64 {
      let kind = result[offset..<(offset + 4)]
      let head: Int?
      if offset == 0 {
        head = 128
      } else if kind.elementsEqual("TOKN".utf8) {
        head = 32
      } else if kind.elementsEqual("TENS".utf8) {
        let nameLength = Int(result[offset + 6]) + Int(result[offset + 7]) << 8
        head = (48 + nameLength + 63) / 64 * 64
      } else if kind.elementsEqual("INDX".utf8) || kind.elementsEqual("TAIL".utf8) {
        head = 64
      } else {
        head = nil
      }
      let bodyLength = result.span.bytes.integer(at: offset + 24, as: UInt64.self)
      let available = result.count - offset
      guard let head, let length = Int(exactly: bodyLength), length <= available,
        (head + length + 63) / 64 * 64 <= available
      else {
        offset += 64
        continue
      }
      let end = offset + (head + length + 63) / 64 * 64
      let checksumField = (offset + 16)..<(offset + 24)
      result.replaceSubrange(checksumField, with: repeatElement(0, count: 8))
      let checksum = Checksum.of(result.span.bytes.extracting(offset..<end))
      result.replaceSubrange(checksumField, with: (0..<8).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) })
      offset = end
    }
    return result
  }
}
