import TraceFormat

extension ZipDirectory {
  /// What an entry of the directory, or a local header, says of a member.
  private struct Fields {
    var flags: UInt16
    var method: UInt16
    var checksum: UInt32
    var compressed: UInt64
    var size: UInt64
    var offset: UInt64 = 0
  }

  /// Reads the entry at the cursor, and checks it against the member's local header.
  static func member(
    _ file: RawSpan, _ cursor: inout Int, end: Int, _ archive: String
  ) throws(ArchiveError) -> ZipMember {
    let start = cursor
    guard end - start >= entryLength, file.holds(entrySignature, at: start) else {
      throw ArchiveError(
        archive, .offset(start),
        .unexpectedBytes(expected: "an entry 50 4b 01 02 of the zip directory", found: file.prefix(4, at: start)))
    }
    var fields = Fields(
      flags: file.integer(at: start + 8, as: UInt16.self), method: file.integer(at: start + 10, as: UInt16.self),
      checksum: file.integer(at: start + 16, as: UInt32.self),
      compressed: UInt64(file.integer(at: start + 20, as: UInt32.self)),
      size: UInt64(file.integer(at: start + 24, as: UInt32.self)),
      offset: UInt64(file.integer(at: start + 42, as: UInt32.self)))
    let nameLength = Int(file.integer(at: start + 28, as: UInt16.self))
    let extraLength = Int(file.integer(at: start + 30, as: UInt16.self))
    let length = entryLength + nameLength + extraLength + Int(file.integer(at: start + 32, as: UInt16.self))
    guard length <= end - start else {
      throw ArchiveError(
        archive, .offset(start),
        .beyondEnd("an entry of the zip directory", needed: UInt64(length), available: end - start))
    }
    cursor += length
    let name = try name(file, start + entryLength, nameLength, archive)
    let extra = start + entryLength + nameLength
    var wide = try wideNumbers(file, extra..<(extra + extraLength), archive)
    for path in [\Fields.size, \Fields.compressed, \Fields.offset] where fields[keyPath: path] == isWide {
      guard let number = wide.popFirst() else {
        throw ArchiveError(
          archive, .offset(extra),
          .invalid("zip64 field of '\(name)'", expected: "a number for each that is ff ff ff ff", found: "fewer"))
      }
      fields[keyPath: path] = number
    }
    try requireStored(fields, name, start, archive)
    return try located(file, fields, name, archive)
  }

  private static func name(
    _ file: RawSpan, _ start: Int, _ length: Int, _ archive: String
  ) throws(ArchiveError) -> String {
    let bytes = file.byteArray(start..<(start + length))
    guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty else {
      throw ArchiveError(
        archive, .offset(start),
        .invalid("name of a member", expected: "UTF-8 text", found: visibleText(bytes)))
    }
    return name
  }

  /// The numbers of the zip64 extra field; none where there is no such field.
  private static func wideNumbers(
    _ file: RawSpan, _ range: Range<Int>, _ archive: String
  ) throws(ArchiveError) -> ArraySlice<UInt64> {
    var cursor = range.lowerBound
    while range.upperBound - cursor >= 4 {
      let length = Int(file.integer(at: cursor + 2, as: UInt16.self))
      guard length <= range.upperBound - cursor - 4 else {
        throw ArchiveError(
          archive, .offset(cursor),
          .beyondEnd("an extra field of a member", needed: UInt64(length), available: range.upperBound - cursor - 4))
      }
      if file.integer(at: cursor, as: UInt16.self) == wideField {
        return (0..<(length / 8)).map { file.integer(at: cursor + 4 + 8 * $0, as: UInt64.self) }[...]
      }
      cursor += 4 + length
    }
    return []
  }

  private static func requireStored(
    _ fields: Fields, _ name: String, _ offset: Int, _ archive: String
  ) throws(ArchiveError) {
    guard fields.flags & 0x2041 == 0 else { throw ArchiveError(archive, .offset(offset + 8), .encrypted(name)) }
    guard fields.method == 0 else {
      throw ArchiveError(archive, .offset(offset + 10), .compressed(name, method: Int(fields.method)))
    }
    guard fields.size == fields.compressed else {
      throw ArchiveError(
        archive, .offset(offset + 20),
        .invalid("stored size of member '\(name)'", expected: "\(fields.size)", found: "\(fields.compressed)"))
    }
  }

  /// Reads the local header, which must say the same as the directory.
  private static func located(
    _ file: RawSpan, _ fields: Fields, _ name: String, _ archive: String
  ) throws(ArchiveError) -> ZipMember {
    try file.require(UInt64(localLength), at: fields.offset, "the header of member '\(name)'", archive)
    let start = Int(fields.offset)
    guard file.holds(localSignature, at: start) else {
      throw ArchiveError(
        archive, .offset(start),
        .unexpectedBytes(expected: "the header 50 4b 03 04 of member '\(name)'", found: file.prefix(4, at: start)))
    }
    let nameLength = Int(file.integer(at: start + 26, as: UInt16.self))
    let extraLength = Int(file.integer(at: start + 28, as: UInt16.self))
    let headLength = localLength + nameLength + extraLength
    try file.require(UInt64(headLength), at: fields.offset, "the header of member '\(name)'", archive)
    let localName = file.byteArray((start + localLength)..<(start + localLength + nameLength))
    guard localName.elementsEqual(name.utf8) else {
      throw ArchiveError(
        archive, .offset(start + localLength),
        .invalid("name of a member", expected: "'\(name)' as in the directory", found: "'\(visibleText(localName))'"))
    }
    let dataStart = start + headLength
    try requireSame(file, start, fields, extra: (dataStart - extraLength)..<dataStart, name, archive)
    try file.require(fields.size, at: UInt64(dataStart), "member '\(name)'", archive)
    return ZipMember(
      name: name, headerOffset: start, range: dataStart..<(dataStart + Int(fields.size)), checksum: fields.checksum)
  }

  private static func requireSame(
    _ file: RawSpan, _ start: Int, _ fields: Fields, extra: Range<Int>, _ name: String, _ archive: String
  ) throws(ArchiveError) {
    var wide = try wideNumbers(file, extra, archive)
    var local = Fields(
      flags: file.integer(at: start + 6, as: UInt16.self), method: file.integer(at: start + 8, as: UInt16.self),
      checksum: file.integer(at: start + 14, as: UInt32.self),
      compressed: UInt64(file.integer(at: start + 18, as: UInt32.self)),
      size: UInt64(file.integer(at: start + 22, as: UInt32.self)))
    for path in [\Fields.size, \Fields.compressed] where local[keyPath: path] == isWide {
      if let number = wide.popFirst() { local[keyPath: path] = number }
    }
    // Who wrote the archive to a pipe put the numbers behind the member, and zeros here.
    let followsMember = local.flags & 8 != 0 && local.size == 0 && local.compressed == 0 && local.checksum == 0
    var pairs = [
      ("encryption", UInt64(fields.flags & 0x2041), UInt64(local.flags & 0x2041)),
      ("method", UInt64(fields.method), UInt64(local.method)),
    ]
    if !followsMember {
      pairs += [
        ("checksum", UInt64(fields.checksum), UInt64(local.checksum)), ("size", fields.size, local.size),
        ("stored size", fields.compressed, local.compressed),
      ]
    }
    for (field, directory, found) in pairs where directory != found {
      throw ArchiveError(
        archive, .offset(start), .headersDiffer(name, field: field, directory: directory, local: found))
    }
  }
}
