import TraceFormat

extension NpyHeader {
  /// Reads the header of an array that takes the bytes `range` of a file, and checks that they are as many as it says.
  init(_ bytes: RawSpan, _ range: Range<Int>, file: String) throws(ArchiveError) {
    let start = range.lowerBound
    let array = bytes.extracting(range)
    guard array.holds(Self.magic, at: 0) else {
      throw ArchiveError(
        file, .offset(start),
        .unexpectedBytes(expected: "the magic 93 4e 55 4d 50 59 of an array", found: array.prefix(6, at: 0)))
    }
    let (fixed, dictionaryLength) = try Self.lengths(array, start, file)
    var scanner = PythonScanner(
      array.byteArray(fixed..<(fixed + dictionaryLength)), start: start + fixed, file: file)
    let (found, isFortranOrder, shape) = try Self.parse(&scanner)
    let length = fixed + dictionaryLength
    let type: ArrayType
    switch found {
    case .success(let known): type = known
    case .failure(let rule):
      self.init(layout: .failure(rule), length: length)
      return
    }
    guard let layout = ArrayLayout(type: type, shape: shape, isFortranOrder: isFortranOrder) else {
      throw ArchiveError(
        file, .offset(start + fixed),
        .invalid(
          "shape", expected: "a size that can be counted", found: shape.map(String.init).joined(separator: " x ")))
    }
    guard layout.byteCount == array.byteCount - length else {
      throw ArchiveError(
        file, .offset(start + length),
        .invalid("elements", expected: "\(layout.byteCount) bytes of \(layout)", found: "\(array.byteCount - length)"))
    }
    self.init(layout: .success(layout), length: length)
  }

  /// Bytes before the dictionary, and its length.
  private static func lengths(_ array: RawSpan, _ start: Int, _ file: String) throws(ArchiveError) -> (Int, Int) {
    try requireRoom(10, array, start, file)
    let version = array.integer(at: 6, as: UInt8.self)
    guard (1...3).contains(version), array.integer(at: 7, as: UInt8.self) == 0 else {
      throw ArchiveError(
        file, .offset(start + 6),
        .invalid(
          "version of the array's header", expected: "1.0, 2.0 or 3.0",
          found: "\(version).\(array.integer(at: 7, as: UInt8.self))"))
    }
    let fixed = version == 1 ? 10 : 12
    try requireRoom(fixed, array, start, file)
    let length =
      version == 1 ? Int(array.integer(at: 8, as: UInt16.self)) : Int(array.integer(at: 8, as: UInt32.self))
    guard length <= maximumLength else {
      throw ArchiveError(
        file, .offset(start + 8),
        .invalid("length of the array's header", expected: "at most \(maximumLength)", found: "\(length)"))
    }
    try requireRoom(fixed + length, array, start, file)
    return (fixed, length)
  }

  private static func requireRoom(
    _ count: Int, _ array: RawSpan, _ start: Int, _ file: String
  ) throws(ArchiveError) {
    guard count <= array.byteCount else {
      throw ArchiveError(
        file, .offset(start),
        .beyondEnd("the header of an array", needed: UInt64(count), available: array.byteCount))
    }
  }

  /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`; the keys may stand in any order.
  private static func parse(_ scanner: inout PythonScanner) throws(ArchiveError)
    -> (Result<ArrayType, ArchiveRule>, Bool, [Int])
  {
    var (type, isFortranOrder, shape): (Result<ArrayType, ArchiveRule>?, Bool?, [Int]?) = (nil, nil, nil)
    try scanner.require("{")
    while try !scanner.take("}") {
      let place = scanner.offset
      let key = try scanner.string()
      try scanner.require(":")
      switch key {
      case "descr" where type == nil: type = try Self.type(&scanner)
      case "fortran_order" where isFortranOrder == nil: isFortranOrder = try scanner.bool()
      case "shape" where shape == nil: shape = try scanner.tuple()
      default:
        throw scanner.invalid(
          "key", expected: "'descr', 'fortran_order' and 'shape', each once", found: "'\(key)'", at: place)
      }
      if try !scanner.take(",") {
        try scanner.require("}")
        break
      }
    }
    try scanner.requireEnd()
    guard let type, let isFortranOrder, let shape else {
      throw scanner.invalid(
        "dictionary", expected: "the keys 'descr', 'fortran_order' and 'shape'",
        found: "fewer keys", at: scanner.offset)
    }
    return (type, isFortranOrder, shape)
  }

  /// The type of the elements; or why it is not read.
  private static func type(_ scanner: inout PythonScanner) throws(ArchiveError) -> Result<ArrayType, ArchiveRule> {
    guard try !scanner.skipList() else {
      return .failure(.unsupportedType("structure", remedy: "save each field as an array of its own"))
    }
    let text = try scanner.string()
    if let type = types[text] { return .success(type) }
    return .failure(.unsupportedType("'\(text)'", remedy: remedy(for: text)))
  }

  /// Types by numpy's names for them. A byte has no order; one that numpy calls native is not, in a file.
  private static let types: [String: ArrayType] = [
    "<f8": .float64, "<f4": .float32, "<f2": .float16, "<i8": .int64, "<i4": .int32, "<i2": .int16, "|i1": .int8,
    "<u8": .uint64, "<u4": .uint32, "<u2": .uint16, "|u1": .uint8, "|b1": .bool, "|V2": .bytes2, "<V2": .bytes2,
  ]

  private static func remedy(for type: String) -> String {
    let kind = type.dropFirst().first
    if type.hasPrefix(">") { return "it is big-endian; save array.astype(array.dtype.newbyteorder('<'))" }
    switch kind {
    case "O": return "it holds Python objects; save numbers, as array.astype(numpy.float32)"
    case "c": return "it is complex; save array.real and array.imag apart"
    case "U", "S": return "it is text; exclude it by an ignore statement"
    case "f": return "save array.astype(numpy.float64)"
    case "V": return "numpy does not know what it is; save array.astype(numpy.float32)"
    default: return "save array.astype(numpy.float32), or exclude it by an ignore statement"
    }
  }
}
