/// The central directory of a zip archive: what its members are called and where they are.
///
///     (local header, bytes)*   directory entry*   [zip64 end, zip64 locator]   end
///
/// Members are never compressed, never overlap and end before the directory, so that no archive claims more bytes than
/// it has.
struct ZipDirectory {
  static let localSignature: [UInt8] = [0x50, 0x4B, 3, 4]
  static let entrySignature: [UInt8] = [0x50, 0x4B, 1, 2]
  static let endSignature: [UInt8] = [0x50, 0x4B, 5, 6]
  static let wideEndSignature: [UInt8] = [0x50, 0x4B, 6, 6]
  static let locatorSignature: [UInt8] = [0x50, 0x4B, 6, 7]

  static let localLength = 30
  static let entryLength = 46
  static let endLength = 22
  static let wideEndLength = 56
  static let locatorLength = 20
  /// The extra field that holds numbers of 64 bits.
  static let wideField: UInt16 = 1
  /// What stands in a field of 32 bits whose number is in that extra field.
  static let isWide: UInt64 = 0xFFFF_FFFF

  /// The members in the order of the directory.
  let members: [ZipMember]
}
