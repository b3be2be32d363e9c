/// An array in a file.
package struct StoredArray: Sendable {
  /// Its name in the set of arrays.
  package let name: String
  /// How many bytes of the name come before its name in its own file.
  let prefixLength: Int
  /// Which file of the set it is in.
  package let file: Int
  /// Format, shape and strides.
  package let layout: ArrayLayout
  /// Where in the file its elements begin.
  package let offset: Int
  /// CRC-32 of its member in a zip archive.
  let checksum: UInt32?
  /// Where the member begins.
  let memberOffset: Int

  /// The bytes of its member, those before the elements included.
  var memberRange: Range<Int> { memberOffset..<(offset + layout.byteCount) }

  /// The name without what tells one file of several from the others.
  package var nameInFile: Substring { Substring(name.utf8.dropFirst(prefixLength)) }
}
