import PlatformLibc

/// The part of a stream that is in memory: what has been read from a descriptor and not yet passed over.
///
/// It grows only as far as bytes arrive, so that a wrong length costs no more memory than the stream has bytes.
struct StreamBuffer: ~Copyable {
  private let descriptor: InputDescriptor
  private let name: String
  private var memory: PageMemory
  /// What was read and not yet passed over, in `memory`.
  private var held = 0..<0
  /// Offset in the stream of the first byte that is held.
  private(set) var offset = 0
  private var isAtEnd = false

  private static let initialCapacity = 1 << 20

  /// A buffer that owns a descriptor.
  ///
  /// - Parameter name: what messages call the stream.
  init(_ descriptor: consuming InputDescriptor, name: String) throws(TraceError) {
    self.descriptor = descriptor
    self.name = name
    memory = try Self.allocate(Self.initialCapacity, name)
  }

  private static func allocate(_ byteCount: Int, _ name: String) throws(TraceError) -> PageMemory {
    guard let memory = PageMemory(byteCount: byteCount) else { throw .file(.last("allocate memory for", name)) }
    return memory
  }

  /// Bytes of memory that it takes: 1 MB, or at most twice what it has had to hold at once.
  var capacity: Int { memory.byteCount }

  /// Bytes that are held.
  var bytes: RawSpan {
    @_lifetime(borrow self)
    get { memory.bytes.extracting(held) }
  }

  /// Reads until a number of bytes is held, or the stream ends. More are read where they are there at once.
  ///
  /// - Returns: whether so many are held.
  mutating func fill(_ count: Int) throws(TraceError) -> Bool {
    while held.count < count, !isAtEnd {
      if held.upperBound == memory.byteCount { try makeRoom(count) }
      try read()
    }
    return held.count >= count
  }

  private mutating func read() throws(TraceError) {
    let range = held.upperBound..<memory.byteCount
    let descriptor = descriptor.number
    var target = memory.mutableBytes
    let count = target.withUnsafeMutableBytes { buffer in
      let free = UnsafeMutableRawBufferPointer(rebasing: buffer[range])
      return retrying { PlatformLibc.read(descriptor, free.baseAddress, free.count) }
    }
    guard count >= 0 else { throw .file(.last("read", name)) }
    isAtEnd = count == 0
    held = held.lowerBound..<(held.upperBound + count)
  }

  /// Moves what is held to the beginning, or to twice as much memory where that is full.
  private mutating func makeRoom(_ count: Int) throws(TraceError) {
    let length = held.count
    if held.lowerBound == 0 {
      var larger = try Self.allocate(min(2 * memory.byteCount, count), name)
      larger.copy(memory.bytes.extracting(held))
      memory = larger
    } else {
      memory.moveToFront(held)
    }
    held = 0..<length
  }

  /// Passes over bytes that are held.
  mutating func skip(_ count: Int) {
    precondition(count <= held.count)
    held = (held.lowerBound + count)..<held.upperBound
    offset += count
    if held.isEmpty { held = 0..<0 }
  }
}
