import TraceFormat

extension ZipDirectory {
  /// Reads and checks the directory of an archive and the local header of every member.
  init(_ file: RawSpan, name: String) throws(ArchiveError) {
    let (range, count) = try Self.directory(file, name)
    var members: [ZipMember] = []
    var cursor = range.lowerBound
    for _ in 0..<count {
      members.append(try Self.member(file, &cursor, end: range.upperBound, name))
    }
    guard cursor == range.upperBound else {
      throw ArchiveError(
        name, .offset(cursor),
        .invalid(
          "directory", expected: "\(count) entries that fill it", found: "\(range.upperBound - cursor) more bytes"))
    }
    try Self.requireApart(members, directory: range.lowerBound, name)
    self.members = members
  }

  /// Where the entries of the directory are, and how many.
  private static func directory(_ file: RawSpan, _ name: String) throws(ArchiveError) -> (Range<Int>, Int) {
    guard let end = endOffset(file) else {
      throw ArchiveError(
        name, .offset(max(0, file.byteCount - endLength)),
        .unexpectedBytes(
          expected: "the end 50 4b 05 06 of a zip directory", found: file.prefix(4, at: file.byteCount - endLength)))
    }
    var numbers = EndNumbers(
      disks: [UInt64(file.integer(at: end + 4, as: UInt16.self)), UInt64(file.integer(at: end + 6, as: UInt16.self))],
      counts: [
        UInt64(file.integer(at: end + 8, as: UInt16.self)), UInt64(file.integer(at: end + 10, as: UInt16.self)),
      ],
      length: UInt64(file.integer(at: end + 12, as: UInt32.self)),
      offset: UInt64(file.integer(at: end + 16, as: UInt32.self)))
    var directoryEnd = end
    if end >= locatorLength, file.holds(locatorSignature, at: end - locatorLength) {
      (numbers, directoryEnd) = try wideEnd(file, locator: end - locatorLength, numbers, name)
    }
    guard numbers.disks == [0, 0], numbers.counts[0] == numbers.counts[1] else {
      throw ArchiveError(
        name, .offset(end + 4), .invalid("zip archive", expected: "one file", found: "a part of several"))
    }
    guard numbers.offset <= UInt64(directoryEnd), numbers.length == UInt64(directoryEnd) - numbers.offset else {
      throw ArchiveError(
        name, .offset(end + 12),
        .invalid(
          "place of the zip directory", expected: "one that ends at offset \(directoryEnd)",
          found: "\(numbers.length) bytes from offset \(numbers.offset)"))
    }
    guard numbers.counts[0] <= numbers.length / UInt64(entryLength) else {
      throw ArchiveError(
        name, .offset(end + 8),
        .beyondEnd(
          "a zip directory of \(numbers.counts[0]) entries",
          needed: numbers.counts[0].multipliedReportingOverflow(by: UInt64(entryLength)).partialValue,
          available: Int(numbers.length)))
    }
    return (Int(numbers.offset)..<directoryEnd, Int(numbers.counts[0]))
  }

  private struct EndNumbers {
    var disks: [UInt64]
    var counts: [UInt64]
    var length: UInt64
    var offset: UInt64
  }

  /// The last place at which an end can stand whose comment takes the rest of the file.
  private static func endOffset(_ file: RawSpan) -> Int? {
    let last = file.byteCount - endLength
    guard last >= 0 else { return nil }
    for offset in stride(from: last, through: max(0, last - 0xFFFF), by: -1)
    where file.integer(at: offset, as: UInt32.self) == 0x0605_4B50 {
      if Int(file.integer(at: offset + 20, as: UInt16.self)) == last - offset { return offset }
    }
    return nil
  }

  /// The numbers of 64 bits, which must be those of the end as far as they fit there, and where they stand.
  private static func wideEnd(
    _ file: RawSpan, locator: Int, _ narrow: EndNumbers, _ name: String
  ) throws(ArchiveError) -> (EndNumbers, Int) {
    let place = file.integer(at: locator + 8, as: UInt64.self)
    guard let offset = Int(exactly: place), locator >= wideEndLength, offset <= locator - wideEndLength,
      file.holds(wideEndSignature, at: offset),
      file.integer(at: offset + 4, as: UInt64.self) == UInt64(locator - offset - 12)
    else {
      throw ArchiveError(
        name, .offset(locator + 8),
        .invalid(
          "place of the zip64 directory's end", expected: "the bytes 50 4b 06 06 that end at \(locator)",
          found: "\(place)"))
    }
    let wide = EndNumbers(
      disks: [
        UInt64(file.integer(at: offset + 16, as: UInt32.self)), UInt64(file.integer(at: offset + 20, as: UInt32.self)),
      ],
      counts: [file.integer(at: offset + 24, as: UInt64.self), file.integer(at: offset + 32, as: UInt64.self)],
      length: file.integer(at: offset + 40, as: UInt64.self), offset: file.integer(at: offset + 48, as: UInt64.self))
    let pairs = [
      ("number of entries", narrow.counts[1], wide.counts[1], 0xFFFF), ("length", narrow.length, wide.length, isWide),
      ("offset", narrow.offset, wide.offset, isWide),
    ]
    for (field, small, large, replaced) in pairs where small != replaced && small != large {
      throw ArchiveError(
        name, .offset(offset),
        .invalid("\(field) of the zip64 directory", expected: "\(small) as at its end", found: "\(large)"))
    }
    return (wide, offset)
  }

  /// Members lie one after the other before the directory.
  private static func requireApart(_ members: [ZipMember], directory: Int, _ file: String) throws(ArchiveError) {
    let order = members.indices.sorted { members[$0].headerOffset < members[$1].headerOffset }
    for (index, next) in zip(order, order.dropFirst())
    where members[index].range.upperBound > members[next].headerOffset {
      throw ArchiveError(
        file, .offset(members[next].headerOffset), .overlapping(members[index].name, members[next].name))
    }
    if let last = order.last, members[last].range.upperBound > directory {
      throw ArchiveError(
        file, .offset(members[last].range.lowerBound),
        .beyondEnd(
          "member '\(members[last].name)' before the directory", needed: UInt64(members[last].range.count),
          available: max(0, directory - members[last].range.lowerBound)))
    }
    // As bytes, since texts count as equal that differ in how their accents are written.
    var names: Set<[UInt8]> = []
    for member in members where !names.insert(Array(member.name.utf8)).inserted {
      throw ArchiveError(file, .offset(member.headerOffset), .duplicateName(member.name))
    }
  }
}
