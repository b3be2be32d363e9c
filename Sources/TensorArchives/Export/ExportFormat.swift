/// The formats that are written.
package enum ExportFormat: String, CaseIterable, Sendable {
  /// Arrays in a zip archive, stored as they are, for numpy.load.
  case npz = ".npz"
  /// Tensors after a header in JSON.
  case safetensors = ".safetensors"

  /// The format that a file's name asks for; nil where it ends in none.
  package init?(path: String) {
    guard let format = Self.allCases.first(where: { path.hasSuffix($0.rawValue) }) else { return nil }
    self = format
  }
}
