/// The header of a .npy file: what numpy.save says of an array before its elements.
///
///     93 4E 55 4D 50 59   major minor   length (2 bytes; 4 from version 2 on)   a Python dictionary   elements
struct NpyHeader {
  /// `\x93NUMPY`
  static let magic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
  /// The most bytes of the dictionary: structured types, which are not read, can be long.
  static let maximumLength = 1 << 20

  /// How the elements lie behind the header; or why they are not read.
  let layout: Result<ArrayLayout, ArchiveRule>
  /// Number of bytes before the elements.
  let length: Int
}
