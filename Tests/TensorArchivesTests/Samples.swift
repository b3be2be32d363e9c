import TensorArchives
import TestSupport
import TraceFormat

/// Bytes of small files, written down here and not by the code under test.
enum Samples {
  /// A .npy file of version 1.0 with a given dictionary, padded as numpy pads it, and elements.
  static func npy(_ dictionary: String, _ elements: [UInt8], version: [UInt8] = [1, 0]) -> [UInt8] {
    let fixed = version[0] == 1 ? 10 : 12
    let total = (fixed + dictionary.utf8.count + 1 + 63) / 64 * 64
    let length = total - fixed
    let field = version[0] == 1 ? little(length, 2) : little(length, 4)
    let padding = [UInt8](repeating: 0x20, count: length - dictionary.utf8.count - 1)
    return [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59] + version + field + Array(dictionary.utf8) + padding + [0x0A] + elements
  }

  /// A .npy file of an array.
  static func npy(
    _ type: String, _ shape: [Int], _ elements: [UInt8], isFortranOrder: Bool = false
  ) -> [UInt8] {
    let lengths = shape.map { "\($0)," }.joined(separator: " ")
    let order = isFortranOrder ? "True" : "False"
    return npy("{'descr': '\(type)', 'fortran_order': \(order), 'shape': (\(lengths)), }", elements)
  }

  /// A .npy file of float32.
  static func npy(_ values: [Float], _ shape: [Int]? = nil, isFortranOrder: Bool = false) -> [UInt8] {
    npy("<f4", shape ?? [values.count], bytes(values), isFortranOrder: isFortranOrder)
  }

  /// An integer's bytes.
  static func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// Bytes of numbers.
  static func bytes<Value>(_ values: [Value]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

  /// CRC-32, bit by bit.
  static func crc(_ bytes: [UInt8]) -> Int {
    var state: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      state ^= UInt32(byte)
      for _ in 0..<8 { state = state & 1 == 1 ? state >> 1 ^ 0xEDB8_8320 : state >> 1 }
    }
    return Int(~state)
  }

  /// A .safetensors file with a given header.
  static func safetensors(_ header: String, _ data: [UInt8] = []) -> [UInt8] {
    little(header.utf8.count, 8) + Array(header.utf8) + data
  }

  /// Opens bytes as a set of one file called `arrays`.
  static func archive(_ bytes: [UInt8]) throws(ArchiveError) -> TensorArchive {
    let mapped: MappedFile
    do { mapped = try MappedFile(copying: bytes, name: "arrays") } catch {
      throw ArchiveError("arrays", .file, .system(error))
    }
    return try TensorArchive(files: [ArchiveFile(mapped)])
  }

  /// A mapping of given lines, in a file called `map`.
  static func mapping(_ lines: String...) throws(ArchiveError) -> ArrayMapping {
    try ArrayMapping(Array(lines.joined(separator: "\n").utf8), file: "map")
  }

  /// Reads bytes as a trace.
  static func trace(_ bytes: [UInt8], _ lines: String...) throws(ArchiveError) -> ArrayTrace {
    let mapping = lines.isEmpty ? nil : try ArrayMapping(Array(lines.joined(separator: "\n").utf8), file: "map")
    return try ArrayTrace(archive(bytes), mapping: mapping)
  }

  /// The error that something throws; nil where it throws none.
  static func error(_ body: () throws(ArchiveError) -> Void) -> ArchiveError? {
    do throws(ArchiveError) { try body() } catch { return error }
    return nil
  }

  /// The error of reading bytes as a set of arrays.
  static func openingError(_ bytes: [UInt8]) -> ArchiveError? {
    error { () throws(ArchiveError) in _ = try archive(bytes) }
  }

  /// The error of reading bytes as a trace.
  static func mappingError(_ bytes: [UInt8], _ lines: String...) -> ArchiveError? {
    error { () throws(ArchiveError) in
      let mapping = try ArrayMapping(Array(lines.joined(separator: "\n").utf8), file: "map")
      _ = try ArrayTrace(archive(bytes), mapping: mapping)
    }
  }
}

/// A zip archive put together field by field, so that any of them can be wrong.
struct ZipSample {
  /// A member: what its local header says and what the directory says.
  struct Member {
    var name: String
    var localName: String
    var bytes: [UInt8]
    var flags = 0
    var localFlags: Int?
    var method = 0
    var localMethod: Int?
    var checksum: Int
    var localChecksum: Int?
    var size: Int
    var localSize: Int?
    var compressed: Int?
    var localExtra: [UInt8] = []
    var extra: [UInt8] = []
    var offset: Int?
    /// Bytes behind the data.
    var trailer: [UInt8] = []

    init(_ name: String, _ bytes: [UInt8]) {
      (self.name, localName, self.bytes) = (name, name, bytes)
      (checksum, size) = (Samples.crc(bytes), bytes.count)
    }
  }

  var members: [Member]
  var count: Int?
  var directoryOffset: Int?
  var directoryLength: Int?
  var comment: [UInt8] = []
  var disk = 0
  /// Bytes between the directory and its end.
  var beforeEnd: (Int, Int) -> [UInt8] = { _, _ in [] }

  init(_ members: Member...) { self.members = members }

  init(_ arrays: [(String, [UInt8])]) { members = arrays.map { Member($0.0 + ".npy", $0.1) } }

  var bytes: [UInt8] {
    var result: [UInt8] = []
    var directory: [UInt8] = []
    func field(_ value: Int, _ count: Int) -> [UInt8] { Samples.little(value, count) }
    for member in members {
      let offset = result.count
      let localSize = member.localSize ?? member.size
      result += [0x50, 0x4B, 3, 4] + field(20, 2) + field(member.localFlags ?? member.flags, 2)
      result += field(member.localMethod ?? member.method, 2) + field(0, 4)
      result += field(member.localChecksum ?? member.checksum, 4) + field(localSize, 4)
      result += field(member.localSize ?? member.compressed ?? member.size, 4)
      result += field(member.localName.utf8.count, 2) + field(member.localExtra.count, 2)
      result += Array(member.localName.utf8) + member.localExtra + member.bytes + member.trailer
      directory += [0x50, 0x4B, 1, 2] + field(20, 2) + field(20, 2) + field(member.flags, 2) + field(member.method, 2)
      directory += field(0, 4) + field(member.checksum, 4) + field(member.compressed ?? member.size, 4)
      directory += field(member.size, 4) + field(member.name.utf8.count, 2) + field(member.extra.count, 2)
      directory += field(0, 10) + field(member.offset ?? offset, 4) + Array(member.name.utf8) + member.extra
    }
    let start = result.count
    result += directory + beforeEnd(start, directory.count)
    let count = count ?? members.count
    return result + [0x50, 0x4B, 5, 6] + field(disk, 4) + field(count, 2) + field(count, 2)
      + field(directoryLength ?? directory.count, 4) + field(directoryOffset ?? start, 4)
      + field(comment.count, 2) + comment
  }
}
