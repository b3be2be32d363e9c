package import TraceFormat

/// The rules that a file of arrays, an array or a mapping can break.
package enum ArchiveRule: Equatable, Sendable {
  /// A system call failed.
  case system(FileError)
  /// The file is neither of the formats that are read, nor the one that its name says.
  case unknownFormat(ArchiveKind?, found: [UInt8])
  /// A part of the file needs more bytes than there are.
  case beyondEnd(String, needed: UInt64, available: Int)
  /// Other bytes should stand here.
  case unexpectedBytes(expected: String, found: [UInt8])
  /// A value is not one that is allowed.
  case invalid(String, expected: String, found: String)
  /// Two arrays of one set have one name.
  case duplicateName(String)
  /// An array has the name of one in another file of the set.
  case sameName(asInFile: String)
  /// There is nothing to compare.
  case noArrays(String)
  /// The elements of an array are in a format that is not read; the second text is the remedy.
  case unsupportedType(String, remedy: String)

  /// A member of a zip archive is compressed; the number is that of the method.
  case compressed(String, method: Int)
  /// A member of a zip archive is encrypted.
  case encrypted(String)
  /// A member of a zip archive is no array.
  case notAnArray(String)
  /// A member's local header says something else than the directory.
  case headersDiffer(String, field: String, directory: UInt64, local: UInt64)
  /// Two arrays or members share bytes.
  case overlapping(String, String)
  /// Bytes between two arrays belong to none.
  case hole(before: String, expected: UInt64, found: UInt64)
  /// The checksum that the directory gives is not that of the member's bytes.
  case wrongChecksum(String, expected: UInt32, found: UInt32)

  /// A record of the trace that is to be exported cannot be read.
  case unreadable(RecordKey, String)

  /// A pattern of a mapping matches no array that no earlier statement has taken.
  case matchesNothing(String)
  /// An array has no statement.
  case unmapped(shape: String, remedy: String)
  /// Arrays give the same record.
  case recordedTwice(RecordKey, count: Int, other: String)
  /// Two arrays give one position different tokens, or one twice.
  case tokenRepeated(position: Int, ids: [Int])
}

extension ArchiveRule: CustomStringConvertible {
  /// One line in lower case, with names as they stand in the file: `ArchiveError` makes them visible.
  package var description: String {
    switch self {
    case .system(let error): error.description
    case .unknownFormat(let kind, let found):
      (kind.map { "it is no \($0.rawValue) file, as its name says: expected \($0.beginning)" }
        ?? "expected an .npy, .npz or .safetensors file") + ", found "
        + (FileKind(firstBytes: Array(found.prefix(8)))?.rawValue ?? Self.hex(found))
    case .beyondEnd(let what, let needed, let available):
      "\(what) needs \(needed) bytes, but only \(available) are left"
    case .unexpectedBytes(let expected, let found): "expected \(expected), found \(Self.hex(found))"
    case .invalid(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    case .duplicateName(let name): "two arrays are called '\(name)'"
    case .sameName(let file): "\(file) has one of this name too: rename one of the files"
    case .noArrays(let remedy): "there are no arrays: \(remedy)"
    case .unsupportedType(let found, let remedy): "elements of type \(found) are not read: \(remedy)"
    case .compressed(let name, let method):
      "member '\(name)' is compressed (method \(method)): write the file with numpy.savez, which stores, "
        + "instead of numpy.savez_compressed"
    case .encrypted(let name): "member '\(name)' is encrypted"
    case .notAnArray(let name):
      "member '\(name)' is no .npy array; a checkpoint of PyTorch is not read: save tensors with "
        + "safetensors or numpy.savez"
    case .headersDiffer(let name, let field, let directory, let local):
      "\(field) of member '\(name)': expected \(directory) as in the directory, found \(local) in its header"
    case .overlapping(let first, let second):
      "'\(first)' and '\(second)' overlap"
    case .hole(let name, let expected, let found):
      "bytes that belong to no tensor: expected '\(name)' to begin at \(expected), found \(found)"
    case .wrongChecksum(let name, let expected, let found):
      "member '\(name)' is damaged: expected CRC-32 \(Self.hex(expected)), found \(Self.hex(found))"
    case .unreadable(let key, let reason): "\(key) cannot be exported: \(reason)"
    case .matchesNothing(let pattern):
      "'\(pattern)' matches no array that an earlier statement has not taken"
    case .unmapped(let shape, let remedy): "no statement is about it (\(shape)): \(remedy)"
    case .recordedTwice(let key, let count, let other):
      "\(key)\(count > 1 ? " and \(count - 1) more records are" : " is") in the array '\(other)' too"
    case .tokenRepeated(let position, let ids):
      "position \(position) has two tokens: \(ids.map(String.init).joined(separator: " and "))"
    }
  }

  private static func hex(_ bytes: [UInt8]) -> String {
    bytes.isEmpty ? "the end of the file" : bytes.map { hex($0) }.joined(separator: " ")
  }

  private static func hex(_ value: some FixedWidthInteger) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, value.bitWidth / 4 - digits.count)) + digits
  }
}

/// What is wrong, where whoever catches it knows the place.
extension ArchiveRule: Error {}
