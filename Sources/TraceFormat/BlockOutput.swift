import Dispatch
import Synchronization

/// An output file that blocks of memory are written to in the background, one at a time.
///
/// The block that is being written and the one that is being filled are all the memory there is: who hands over a block
/// while the one before is being written waits for that. A block that no thread has begun to write is then written by
/// the one who waits.
struct BlockOutput: ~Copyable {
  private let shared: Shared
  private let queue = DispatchQueue(label: "trace output")

  private final class Shared: Sendable {
    let state: Mutex<State>
    init(_ file: consuming sending OutputFile) { state = Mutex(State(file: file)) }
  }

  /// Locked for as long as it is written from.
  private struct State: ~Copyable {
    var file: OutputFile?
    /// The block that was handed over last: its first `pendingCount` bytes are not yet written.
    var memory = PageMemory()
    var pendingCount = 0
    var failure: FileError?

    init(file: consuming OutputFile) { self.file = consume file }

    /// Writes what was handed over. After a write that failed nothing is written any more.
    mutating func writePending() {
      defer { pendingCount = 0 }
      guard pendingCount > 0, failure == nil else { return }
      do throws(FileError) {
        try file?.write(block: memory.bytes.extracting(0..<pendingCount))
      } catch { failure = error }
    }

    /// Writes three pieces, after what was handed over.
    mutating func write(_ first: RawSpan, _ second: RawSpan, _ third: RawSpan) throws(FileError) {
      writePending()
      if let failure { throw failure }
      do throws(FileError) { try file?.write(first, second, third) } catch {
        failure = error
        throw error
      }
    }
  }

  /// An output to a file that is open.
  init(_ file: consuming sending OutputFile) { shared = Shared(file) }

  /// Writes three pieces, after all that was handed over before.
  ///
  /// - Throws: the first write that failed, also that of an earlier block; nothing is written after it.
  func write(_ first: RawSpan, _ second: RawSpan, _ third: RawSpan) throws(FileError) {
    try shared.state.withLock { (state) throws(FileError) in
      try state.write(first, second, third)
    }
  }

  /// Hands over the first bytes of some memory, to be written after all before, and takes other memory in return.
  ///
  /// When this returns, all that was handed over before is with the system.
  ///
  /// - Throws: as `write`.
  func handOver(_ memory: inout PageMemory, byteCount: Int) throws(FileError) {
    try shared.state.withLock { (state) throws(FileError) in
      state.writePending()
      if let failure = state.failure { throw failure }
      swap(&state.memory, &memory)
      state.pendingCount = byteCount
    }
    queue.async { [shared] in shared.state.withLock { $0.writePending() } }
  }

  /// Waits until all that was handed over is with the system.
  ///
  /// - Throws: as `write`.
  func settle() throws(FileError) { try write(RawSpan(), RawSpan(), RawSpan()) }

  /// Closes the finished file and gives it its name.
  consuming func commit() throws(FileError) {
    try settle()
    let file = shared.state.withLock { $0.file.take() }
    try file?.commit()
  }

  /// Whoever lets go of an unfinished file finds in it all that was handed over.
  deinit { shared.state.withLock { $0.writePending() } }
}
