import Dispatch
import PlatformLibc
import Testing

@testable import TraceFormat

/// How much memory a stream takes: as much as has come of it, whatever lengths it claims.
@Suite struct StreamBufferTests {
  /// A buffer over bytes that are written into its pipe in the background, which is then closed.
  private static func buffer(of byteCount: Int) throws -> StreamBuffer {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    let target = ends[1]
    // Where the reader goes before it has read all, the write fails, and that is all.
    signal(SIGPIPE, SIG_IGN)
    DispatchQueue.global().async {
      let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 % 251) }
      var start = 0
      while start < byteCount {
        let count = bytes[start...].withUnsafeBytes { write(target, $0.baseAddress, $0.count) }
        guard count > 0 else { break }
        start += count
      }
      close(target)
    }
    return try StreamBuffer(InputDescriptor(ends[0]), name: "pipe")
  }

  @Test(arguments: [0, 64, 1 << 20, 1 << 20 + 1, 3 << 20, 5_000_000])
  func aClaimedLengthTakesWhatHasCome(byteCount: Int) throws {
    for claim in [1 << 30, 1 << 62, Int.max] {
      var buffer = try Self.buffer(of: byteCount)
      let isFilled = try buffer.fill(claim)
      let (held, capacity) = (buffer.bytes.byteCount, buffer.capacity)
      #expect(!isFilled && held == byteCount)
      #expect(capacity <= max(1 << 20, 2 * byteCount), "\(capacity) bytes for \(byteCount), claimed \(claim)")
    }
  }

  /// However the memory grows and moves, the bytes stay in order, and no more is taken than is wanted at once.
  @Test func bytesStayInOrder() throws {
    let byteCount = 9_000_000
    var buffer = try Self.buffer(of: byteCount)
    var place = 0
    for wanted in [1, 700_000, 1_500_000, 3, 2_800_000, 4_000_000 - 4] {
      let isFilled = try buffer.fill(wanted)
      try #require(isFilled && buffer.offset == place)
      let bytes = buffer.bytes.byteArray(0..<wanted)
      let isInOrder = bytes.indices.allSatisfy { bytes[$0] == UInt8(truncatingIfNeeded: (place + $0) % 251) }
      #expect(isInOrder, "\(wanted) bytes at \(place)")
      buffer.skip(wanted)
      place += wanted
    }
    let (isFilled, capacity) = (try buffer.fill(1), buffer.capacity)
    #expect(!isFilled && place == byteCount && capacity <= 2 * 4_000_000)
  }
}
