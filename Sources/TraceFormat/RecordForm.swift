/// What is known of the records of one site at one layer before the run: all but position and payload.
package struct RecordForm: Sendable {
  /// How the shape depends on the position.
  package enum Extent: Sendable {
    /// So many elements at every position.
    case vector(Int)
    /// So many rows of pos + 1 columns.
    case rowsByPositions(Int)
  }

  /// The site.
  package let site: Site
  /// The layer; nil outside the layers.
  package let layer: Int?
  /// The format of the elements.
  package let type: ElementType
  private let extent: Extent
  /// Kind, dtype, rank and length of the name: the first word of the head.
  private let kind: UInt64
  /// The name, padded with zeros: the last two words.
  private let name: (UInt64, UInt64)

  /// The form of a site's records.
  package init(_ site: Site, layer: Int?, type: ElementType, extent: Extent) {
    self.site = site
    self.layer = layer
    self.type = type
    self.extent = extent
    let text = Array(site.rawValue.utf8)
    precondition(ChunkLayout.recordHead(nameLength: text.count) == Self.headLength, "a site's name fits into the head")
    let rank: UInt8 = if case .vector = extent { 1 } else { 2 }
    let first = ChunkLayout.record + [type.rawValue, rank] + littleEndianBytes(UInt16(text.count))
    let last = text + [UInt8](repeating: 0, count: 16 - text.count)
    kind = first.span.bytes.integer(at: 0, as: UInt64.self)
    name = (last.span.bytes.integer(at: 0, as: UInt64.self), last.span.bytes.integer(at: 8, as: UInt64.self))
  }

  /// Every site's name is short enough for a head of this length.
  static let headLength = 64

  /// Length of the payload at a position, in bytes.
  package func payloadLength(position: Int) -> Int {
    switch extent {
    case .vector(let count): count * type.size
    case .rowsByPositions(let rows): rows * (position + 1) * type.size
    }
  }

  /// Length of the whole chunk at a position, in bytes.
  package func chunkLength(position: Int) -> Int {
    Self.headLength + ChunkLayout.roundedUp(payloadLength(position: position))
  }

  /// The head at a position, without its checksum, as it stands in the file.
  func head(position: Int) -> SIMD8<UInt64> {
    let layer = UInt64(UInt32(bitPattern: Int32(layer ?? -1)))
    let extents =
      switch extent {
      case .vector(let count): UInt64(count)
      case .rowsByPositions(let rows): UInt64(rows) | UInt64(position + 1) << 32
      }
    return SIMD8(
      kind, layer | UInt64(position) << 32, 0, UInt64(payloadLength(position: position)), extents, 0, name.0, name.1)
  }
}
