/// A member of a zip archive that is stored as it is.
struct ZipMember {
  /// Its name.
  let name: String
  /// Where its local header begins.
  let headerOffset: Int
  /// The bytes that it takes in the file.
  let range: Range<Int>
  /// CRC-32 of these bytes, as the directory has it.
  let checksum: UInt32

  /// Whether it is a folder.
  var isFolder: Bool { name.hasSuffix("/") && range.isEmpty }
}
