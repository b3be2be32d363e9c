import JSONText
import TraceFormat

extension SafetensorsHeader {
  /// Reads the header of a file, and checks that its tensors fill the rest of the file, one after the other.
  init(_ bytes: RawSpan, file: String) throws(ArchiveError) {
    try bytes.require(UInt64(Self.prefixLength), at: 0, "the length of the header", file)
    let length = bytes.integer(at: 0, as: UInt64.self)
    guard length <= UInt64(Self.maximumLength) else {
      throw ArchiveError(
        file, .offset(0),
        .invalid("length of the header", expected: "at most \(Self.maximumLength)", found: "\(length)"))
    }
    try bytes.require(length, at: UInt64(Self.prefixLength), "the header", file)
    let start = Self.prefixLength + Int(length)
    var reader = JSONReader(bytes, Self.prefixLength..<start)
    var body = HeaderBody(data: start, end: bytes.byteCount)
    do throws(JSONError) { try body.read(&reader) } catch { throw ArchiveError(file, error) }
    try body.requireWhole(file)
    (tensors, metadata) = (body.tensors, body.metadata)
  }

  /// Types by the names of the format.
  static let types: [String: ArrayType] = [
    "F64": .float64, "F32": .float32, "F16": .float16, "BF16": .bfloat16, "F8_E4M3": .float8, "F8_E5M2": .float8,
    "I64": .int64, "I32": .int32, "I16": .int16, "I8": .int8, "U64": .uint64, "U32": .uint32, "U16": .uint16,
    "U8": .uint8, "BOOL": .bool,
  ]
}

/// A header on its way.
private struct HeaderBody {
  /// Where the tensors begin.
  let data: Int
  /// Where the file ends.
  let end: Int
  var tensors: [SafetensorsHeader.Tensor] = []
  var metadata: [String: String] = [:]

  init(data: Int, end: Int) {
    self.data = data
    self.end = end
  }

  mutating func read(_ reader: inout JSONReader) throws(JSONError) {
    try reader.object { (reader, name) throws(JSONError) in
      if name == SafetensorsHeader.metadataKey {
        try reader.object { (reader, key) throws(JSONError) in metadata[key] = try reader.string() }
      } else {
        try readTensor(&reader, name)
      }
    }
    try reader.requireEnd()
  }

  private mutating func readTensor(_ reader: inout JSONReader, _ name: String) throws(JSONError) {
    let place = reader.offset
    var (type, shape, offsets): (Result<ArrayType, ArchiveRule>?, [Int]?, [Int]?) = (nil, nil, nil)
    try reader.object { (reader, key) throws(JSONError) in
      switch key {
      case "dtype": type = try Self.type(&reader)
      case "shape": shape = try Self.integers(&reader)
      case "data_offsets": offsets = try Self.integers(&reader)
      default:
        throw reader.invalid("key of '\(name)'", expected: "dtype, shape or data_offsets", found: "'\(key)'")
      }
    }
    guard let type, let shape, let offsets else {
      throw reader.invalid("tensor '\(name)'", expected: "dtype, shape and data_offsets", found: "fewer", at: place)
    }
    guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= end - data else {
      throw reader.invalid(
        "data_offsets of '\(name)'", expected: "a beginning and an end from 0 to \(end - data)", found: "\(offsets)",
        at: place)
    }
    let layout: Result<ArrayLayout, ArchiveRule>
    switch type {
    case .failure(let rule): layout = .failure(rule)
    case .success(let type):
      layout = .success(try Self.layout(type, shape, byteCount: offsets[1] - offsets[0], reader, name, at: place))
    }
    tensors.append(
      SafetensorsHeader.Tensor(name: name, layout: layout, range: (data + offsets[0])..<(data + offsets[1])))
  }

  private static func layout(
    _ type: ArrayType, _ shape: [Int], byteCount: Int, _ reader: borrowing JSONReader, _ name: String, at place: Int
  ) throws(JSONError) -> ArrayLayout {
    guard let layout = ArrayLayout(type: type, shape: shape) else {
      throw reader.invalid("shape of '\(name)'", expected: "a size that can be counted", found: "\(shape)", at: place)
    }
    guard byteCount == layout.byteCount else {
      throw reader.invalid(
        "data_offsets of '\(name)'", expected: "\(layout.byteCount) bytes of \(layout)",
        found: "\(byteCount)", at: place)
    }
    return layout
  }

  /// The type of the elements; or why it is not read.
  private static func type(_ reader: inout JSONReader) throws(JSONError) -> Result<ArrayType, ArchiveRule> {
    let name = try reader.string()
    if let type = SafetensorsHeader.types[name] { return .success(type) }
    return .failure(
      .unsupportedType("'\(name)'", remedy: "save the tensor as F32, or exclude it by an ignore statement"))
  }

  /// Reads a list of integers that are not negative.
  private static func integers(_ reader: inout JSONReader) throws(JSONError) -> [Int] {
    var values: [Int] = []
    try reader.array { (reader) throws(JSONError) in
      let place = reader.offset
      guard let value = Int(try reader.number()), value >= 0 else {
        throw reader.invalid("number", expected: "an integer from 0 to 2^63 - 1", found: "another", at: place)
      }
      values.append(value)
    }
    return values
  }

  /// The tensors lie one after the other from the header to the end of the file.
  func requireWhole(_ file: String) throws(ArchiveError) {
    let order = tensors.indices.sorted {
      (tensors[$0].range.lowerBound, tensors[$0].range.upperBound)
        < (tensors[$1].range.lowerBound, tensors[$1].range.upperBound)
    }
    var expected = data
    var last = ""
    for index in order {
      let tensor = tensors[index]
      let found = tensor.range.lowerBound
      guard found >= expected else { throw ArchiveError(file, .offset(found), .overlapping(last, tensor.name)) }
      guard found == expected else {
        throw ArchiveError(
          file, .offset(expected),
          .hole(before: tensor.name, expected: UInt64(expected - data), found: UInt64(found - data)))
      }
      expected = tensor.range.upperBound
      last = tensor.name
    }
    guard expected == end else {
      throw ArchiveError(
        file, .offset(expected),
        .invalid("end of the file", expected: "offset \(expected), where the last tensor ends", found: "\(end)"))
    }
  }
}
