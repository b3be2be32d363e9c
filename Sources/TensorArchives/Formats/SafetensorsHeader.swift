/// The header of a .safetensors file.
///
///     length (8 bytes)   {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}   tensors
struct SafetensorsHeader {
  /// Bytes before the header: its length.
  static let prefixLength = 8
  /// The most bytes of a header.
  static let maximumLength = 100_000_000
  /// The key that is no tensor: texts by name.
  static let metadataKey = "__metadata__"

  /// A tensor.
  struct Tensor {
    let name: String
    /// How its elements lie; or why they are not read.
    let layout: Result<ArrayLayout, ArchiveRule>
    /// The bytes that it takes in the file.
    let range: Range<Int>
  }

  /// The tensors in the order of the header.
  let tensors: [Tensor]
  /// Texts by name.
  let metadata: [String: String]
}
