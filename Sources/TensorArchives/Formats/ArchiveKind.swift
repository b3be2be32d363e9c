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

  /// What the name of a file says; nil where it ends in none of the extensions.
  package init?(path: String) {
    guard let kind = [Self.npy, .npz, .safetensors].first(where: { path.hasSuffix($0.rawValue) }) else { return nil }
    self = kind
  }

  /// Guesses from a file's first eight bytes; nil where they can begin none of the formats.
  package init?(firstBytes bytes: [UInt8]) {
    let bytes = bytes.count == SafetensorsHeader.prefixLength ? bytes + [UInt8(ascii: "{")] : bytes
    guard let kind = Self(bytes.span.bytes) else { return nil }
    self = kind
  }

  /// What a file of the format begins with, for messages.
  var beginning: String {
    switch self {
    case .npy: "an array of numpy, which begins with 93 4e 55 4d 50 59"
    case .npz: "a zip archive, which begins with 50 4b 03 04"
    case .safetensors:
      "8 bytes that count those of the header, \(SafetensorsHeader.maximumLength) at most, and then '{'"
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
