/// Consecutive chunks in one piece of memory: laid out first, in the order of the file, and filled in any order.
///
/// So the records of several positions can be computed layer by layer and yet stand position by position.
package struct TraceBlock: ~Copyable {
  /// A chunk that has been laid out.
  struct Entry {
    /// Where it begins, counted from the block's beginning.
    var offset: Int
    /// The record's site; nil for a token.
    var site: Site?
    /// -1 outside the layers.
    var layer: Int32
    var position: UInt32
  }

  /// Number of bytes laid out.
  package private(set) var byteCount = 0
  /// The chunks, in the order of the file.
  private(set) var entries: [Entry] = []
  var memory = PageMemory()
  private var tokens: [(offset: Int, chunk: [UInt8])] = []
  private var unfilled = 0

  /// A block without chunks.
  package init() {}

  /// Whether every chunk that was laid out has been filled.
  package var isComplete: Bool { unfilled == 0 && tokens.isEmpty }

  /// Lays out the token of a position; it must come before the position's records.
  package mutating func addToken(_ token: TraceToken, position: Int) throws(TraceError) {
    let chunk = try token.chunk(position: position)
    tokens.append((byteCount, chunk))
    entries.append(Entry(offset: byteCount, site: nil, layer: -1, position: UInt32(position)))
    byteCount += chunk.count
  }

  /// Lays out a record.
  ///
  /// - Returns: its place, for `fill`.
  package mutating func addRecord(_ form: RecordForm, position: Int) -> Int {
    let place = byteCount
    entries.append(
      Entry(offset: place, site: form.site, layer: Int32(form.layer ?? -1), position: UInt32(position)))
    byteCount += form.chunkLength(position: position)
    unfilled += 1
    return place
  }

  /// Takes the memory for all that has been laid out, and puts the tokens there.
  ///
  /// - Throws: `TraceError` when there is not so much memory.
  package mutating func allocate() throws(TraceError) {
    if memory.byteCount < byteCount {
      // Records of attention grow from position to position: half as much more, so that this happens seldom.
      memory = PageMemory()
      guard let larger = PageMemory(byteCount: byteCount + byteCount / 2) else {
        throw .cannotRecord("out of memory: a block of the trace needs \(byteCount) bytes")
      }
      memory = larger
    }
    for (offset, chunk) in tokens {
      var bytes = memory.mutableBytes
      var target = bytes._mutatingExtracting(offset..<(offset + chunk.count))
      target.withUnsafeMutableBytes { $0.copyBytes(from: chunk) }
    }
    tokens.removeAll(keepingCapacity: true)
  }

  /// Puts records of one form into their places.
  ///
  /// Kernel: threads fill different records, whose places do not overlap.
  ///
  /// - Parameters:
  ///   - records: for each, what `addRecord` returned for this form and position, the position, and where its payload
  ///     begins in `payloads`.
  ///   - payloads: each as many bytes as the form has at the position. NaN are recorded without sign or payload: which
  ///     of two NaN an operation passes on depends on the vector unit.
  ///   - share: calls its body for parts of 0..<count that together cover it, on as many threads as it likes.
  package mutating func fill(
    _ records: [(place: Int, position: Int, payloadOffset: Int)], _ form: RecordForm, payloads: RawSpan,
    share: (Int, (Range<Int>) -> Void) -> Void
  ) {
    unfilled -= records.count
    var bytes = memory.mutableBytes
    bytes.withUnsafeMutableBytes { memory in
      nonisolated(unsafe) let memory = memory
      share(records.count) { part in
        for (place, position, payloadOffset) in records[part] {
          let chunk = UnsafeMutableRawBufferPointer(
            rebasing: memory[place..<(place + form.chunkLength(position: position))])
          let end = payloadOffset + form.payloadLength(position: position)
          var span = chunk.mutableBytes
          Self.fill(&span, form, position: position, payload: payloads.extracting(payloadOffset..<end))
        }
      }
    }
  }

  private static func fill(_ chunk: inout MutableRawSpan, _ form: RecordForm, position: Int, payload: RawSpan) {
    chunk.storeBytes(of: form.head(position: position), as: SIMD8<UInt64>.self)
    var checksum = Checksum()
    checksum.update(chunk.bytes.extracting(0..<RecordForm.headLength))
    var body = chunk._mutatingExtracting(RecordForm.headLength...)
    checksum.update(payload, of: form.type, copyingTo: &body)
    chunk.storeBytes(of: checksum.value, toByteOffset: ChunkLayout.checksumField, as: UInt64.self)
  }

  /// Makes it a block without chunks, which keeps its memory.
  package mutating func removeAll() {
    byteCount = 0
    unfilled = 0
    entries.removeAll(keepingCapacity: true)
    tokens.removeAll(keepingCapacity: true)
  }
}
