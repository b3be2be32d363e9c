extension TraceToken {
  /// The chunk that holds it.
  func chunk(position: Int) throws(TraceError) -> [UInt8] {
    let text = text ?? []
    guard let id = Int32(exactly: id), id >= 0 else {
      throw .cannotRecord("token \(self.id) is negative or above 2^31")
    }
    guard let place = Self.place(position) else { throw .cannotRecord("position \(position) is out of range") }
    var head = ChunkHead(byteCount: ChunkLayout.tokenHead, kind: ChunkLayout.token)
    head.put(id, at: 4)
    head.put(UInt32(self.text == nil ? 0 : 1), at: 8)
    head.put(place, at: 12)
    head.put(UInt64(text.count), at: ChunkLayout.bodyLengthField)
    return head.chunk(body: text)
  }

  /// A position as chunks hold it; nil where it is out of range.
  static func place(_ position: Int) -> UInt32? {
    (0...Int(Int32.max)).contains(position) ? UInt32(position) : nil
  }

  /// The most bytes that a chunk takes whose text has `length` bytes.
  package static func chunkLength(textLength: Int) -> Int { ChunkLayout.roundedUp(ChunkLayout.tokenHead + textLength) }
}
