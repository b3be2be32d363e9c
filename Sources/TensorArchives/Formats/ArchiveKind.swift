import TraceFormat

/// The formats of files that hold arrays, told by their content.
package enum ArchiveKind: String, Sendable {
  /// One array, as numpy.save writes it.
  case npy = ".npy"
  /// Arrays in a zip archive, as numpy.savez writes it.
  case npz = ".npz"
  /// Tensors after a header in JSON.
  case safetensors = ".safetensors"

  /// Looks at a file's first bytes; nil where they begin none of the formats.
  package init?(_ bytes: RawSpan) {
    if bytes.holds(NpyHeader.magic, at: 0) {
      self = .npy
    } else if bytes.holds(ZipDirectory.localSignature, at: 0) || bytes.holds(ZipDirectory.endSignature, at: 0) {
      self = .npz
    } else if Self.isSafetensors(bytes) {
      self = .safetensors
    } else {
      return nil
    }
  }

  /// Eight bytes that count those of the header, and the header's first one.
  private static func isSafetensors(_ bytes: RawSpan) -> Bool {
    guard bytes.byteCount > SafetensorsHeader.prefixLength else { return false }
    let length = bytes.integer(at: 0, as: UInt64.self)
    return length <= UInt64(SafetensorsHeader.maximumLength)
      && bytes.holds([UInt8(ascii: "{")], at: SafetensorsHeader.prefixLength)
  }
}
