/// An array in a file.
package struct StoredArray: Sendable {
  /// Its name in the set of arrays.
  package let name: String
  /// How many bytes of the name come before its name in its own file, and before its name in the folder that was given.
  let prefixes: (file: Int, folder: Int)
  /// Which file of the set it is in.
  package let file: Int
  /// Format, shape and strides; or why its elements are not read, which is no fault as long as nobody needs them.
  package let layout: Result<ArrayLayout, ArchiveRule>
  /// The bytes of its elements in the file.
  package let elements: Range<Int>
  /// CRC-32 of its member in a zip archive.
  let checksum: UInt32?
  /// Where the member begins.
  let memberOffset: Int

  /// The bytes of its member, those before the elements included.
  var memberRange: Range<Int> { memberOffset..<elements.upperBound }

  /// The name without what tells one file of several from the others.
  package var nameInFile: Substring { Substring(name.utf8.dropFirst(prefixes.file)) }

  /// The names by which a mapping may call it: that in its file, that in its folder, and the whole one.
  var names: [Substring] {
    var lengths = [prefixes.file]
    for length in [prefixes.folder, 0] where length < lengths[lengths.count - 1] { lengths.append(length) }
    return lengths.map { Substring(name.utf8.dropFirst($0)) }
  }

  /// What it is, for messages: as `float32 2 x 3`, or its type alone.
  var summary: String {
    switch layout {
    case .success(let layout): "\(layout)"
    case .failure(.unsupportedType(let type, _)): "elements of type \(type)"
    case .failure: "elements that are not read"
    }
  }
}
