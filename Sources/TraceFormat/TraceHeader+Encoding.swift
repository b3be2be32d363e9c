extension TraceHeader {
  static let magic: [UInt8] = [0x89, 0x4C, 0x32, 0x54, 0x52, 0x43, 0x0D, 0x0A]
  static let version: UInt32 = 1
  /// The most bytes of a producer.
  package static let producerLength = 64
  static let maximumBodyLength = 16 << 20
  /// No field may have this name: the producer stands in the head.
  package static let reservedName = "producer"

  /// The header's chunk.
  ///
  /// - Throws: `TraceError.cannotRecord` for a producer or a field that the format cannot hold.
  func encoded() throws(TraceError) -> [UInt8] {
    let producerBytes = Array(producer.utf8)
    guard (1...Self.producerLength).contains(producerBytes.count), !producerBytes.contains(0) else {
      throw .cannotRecord("a producer must have 1 to \(Self.producerLength) bytes, none of them zero")
    }
    var body: [UInt8] = []
    let sorted = fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    for (name, value) in sorted {
      guard Self.isValidName(Array(name.utf8)) else {
        throw .cannotRecord("a header field's name must have 1 to 64 of the characters a-z, 0-9 and _: \(name)")
      }
      let (type, bytes) = Self.encode(value)
      guard name != Self.reservedName else {
        throw .cannotRecord("a header field cannot be called \(name): the producer has a place of its own")
      }
      if let field = HeaderField(rawValue: name), field.type != type {
        throw .cannotRecord("the header field \(name) has another type")
      }
      body.append(type)
      body.append(UInt8(name.utf8.count))
      body.append(contentsOf: name.utf8)
      body.append(contentsOf: bytes)
    }
    guard body.count <= Self.maximumBodyLength else {
      throw .cannotRecord("a header of \(body.count) bytes exceeds \(Self.maximumBodyLength)")
    }
    var head = ChunkHead(byteCount: ChunkLayout.headerHead)
    head.bytes.replaceSubrange(0..<8, with: Self.magic)
    head.put(Self.version, at: 8)
    head.put(UInt32(fields.count), at: 12)
    head.put(UInt64(body.count), at: ChunkLayout.bodyLengthField)
    head.bytes.replaceSubrange(64..<(64 + producerBytes.count), with: producerBytes)
    return head.chunk(body: body)
  }

  private static func encode(_ value: HeaderValue) -> (type: UInt8, bytes: [UInt8]) {
    switch value {
    case .integer(let number): (UInt8(ascii: "i"), littleEndianBytes(UInt64(bitPattern: number)))
    case .real(let number): (UInt8(ascii: "r"), littleEndianBytes(number.bitPattern))
    case .text(let text): (UInt8(ascii: "t"), littleEndianBytes(UInt32(text.count)) + text)
    }
  }

  /// Whether bytes can be a field's name.
  package static func isValidName(_ name: [UInt8]) -> Bool {
    (1...64).contains(name.count)
      && name.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
          || $0 == UInt8(ascii: "_")
      }
  }

  /// Reads and checks the header chunk at the start of a file.
  ///
  /// - Returns: the header and the length of its chunk.
  static func parse(_ file: RawSpan) throws(TraceError) -> (header: TraceHeader, chunkLength: Int) {
    let found = file.byteArray(0..<min(8, file.byteCount))
    guard found == magic else { throw .notATrace(found: found) }
    let head = ChunkLayout.headerHead
    guard file.byteCount >= head else {
      throw .chunkExceedsFile(.header, offset: 0, needed: UInt64(head), available: file.byteCount)
    }
    let fileVersion = file.integer(at: 8, as: UInt32.self)
    guard fileVersion == version else { throw .unknownVersion(fileVersion) }
    let bodyLength = file.integer(at: ChunkLayout.bodyLengthField, as: UInt64.self)
    guard bodyLength <= UInt64(maximumBodyLength) else {
      throw .invalidField(
        .header, offset: ChunkLayout.bodyLengthField, field: "body length", expected: "at most \(maximumBodyLength)",
        found: "\(bodyLength)")
    }
    let extent = try ChunkExtent(.header, in: file, at: 0, headLength: head, bodyLength: bodyLength)
    try extent.verify(file)
    try file.requireZero(32..<64, of: .header)

    let producerField = file.byteArray(64..<head)
    let name = producerField.prefix { $0 != 0 }
    guard !name.isEmpty, let producer = String(validating: name, as: UTF8.self) else {
      throw .invalidField(.header, offset: 64, field: "producer", expected: "UTF-8 text", found: "none")
    }
    try file.requireZero((64 + name.count)..<head, of: .header)

    var header = TraceHeader(producer: producer)
    var cursor = FieldCursor(offset: head, end: head + Int(bodyLength))
    let count = file.integer(at: 12, as: UInt32.self)
    var last: [UInt8] = []
    for _ in 0..<count {
      let (nameBytes, value) = try cursor.next(file)
      guard last.isEmpty || last.lexicographicallyPrecedes(nameBytes) else {
        throw .invalidField(
          .header, offset: cursor.fieldStart, field: "field name",
          expected: "one after \(String(decoding: last, as: UTF8.self))",
          found: String(decoding: nameBytes, as: UTF8.self))
      }
      last = nameBytes
      header.fields[String(decoding: nameBytes, as: UTF8.self)] = value
    }
    guard cursor.offset == cursor.end else {
      throw .invalidField(
        .header, offset: 12, field: "number of fields", expected: "all of the body's", found: "\(count)")
    }
    return (header, extent.chunkLength)
  }
}

/// Reads the packed fields of a header one after the other.
private struct FieldCursor {
  var offset: Int
  let end: Int
  var fieldStart = 0

  init(offset: Int, end: Int) {
    self.offset = offset
    self.end = end
  }

  private mutating func take(_ count: Int, _ field: String) throws(TraceError) -> Int {
    guard count <= end - offset else {
      throw .invalidField(
        .header, offset: offset, field: field, expected: "at most \(end - offset) bytes left in the body",
        found: "\(count)")
    }
    defer { offset += count }
    return offset
  }

  mutating func next(_ file: RawSpan) throws(TraceError) -> (name: [UInt8], value: HeaderValue) {
    fieldStart = offset
    let start = try take(2, "field")
    let type = file.integer(at: start, as: UInt8.self)
    let nameLength = Int(file.integer(at: start + 1, as: UInt8.self))
    let nameStart = try take(nameLength, "length of a field's name")
    let name = file.byteArray(nameStart..<(nameStart + nameLength))
    guard TraceHeader.isValidName(name) else {
      throw .invalidField(
        .header, offset: nameStart, field: "field name", expected: "1 to 64 of the characters a-z, 0-9 and _",
        found: visibleText(name))
    }
    guard !name.elementsEqual(TraceHeader.reservedName.utf8) else {
      throw .invalidField(
        .header, offset: nameStart, field: "field name", expected: "another name: the producer stands in the head",
        found: TraceHeader.reservedName)
    }
    if let field = HeaderField(rawValue: String(decoding: name, as: UTF8.self)), field.type != type {
      throw .invalidField(
        .header, offset: start, field: "type of \(field.rawValue)",
        expected: String(UnicodeScalar(field.type)), found: "byte \(type)")
    }
    switch type {
    case UInt8(ascii: "i"):
      return (name, .integer(file.integer(at: try take(8, "integer"), as: Int64.self)))
    case UInt8(ascii: "r"):
      return (name, .real(Double(bitPattern: file.integer(at: try take(8, "real"), as: UInt64.self))))
    case UInt8(ascii: "t"):
      let length = Int(file.integer(at: try take(4, "length of a text"), as: UInt32.self))
      let text = try take(length, "length of a text")
      return (name, .text(file.byteArray(text..<(text + length))))
    default:
      throw .invalidField(.header, offset: start, field: "field type", expected: "i, r or t", found: "byte \(type)")
    }
  }
}
