import PlatformLibc
import TraceFormat

extension FuzzedReaders {
  /// Reads bytes as a stream: what it lends is good and in order, and what it does not complain of is what the file
  /// holds.
  ///
  /// Bytes that a pipe cannot hold are left out.
  static func requireStream(_ bytes: [UInt8]) throws(BrokenInvariant) {
    guard bytes.count < 1 << 16 else { return }
    guard let file = try? TraceFile(MappedFile(copying: bytes, name: "input")) else {
      let isRefused = (try? open(stream: bytes)) == nil
      return try require(isRefused, "a header that is not good for a file is not for a stream")
    }
    guard var stream = try? open(stream: bytes) else {
      throw BrokenInvariant("a header that is good for a file is good for a stream")
    }
    var last: RecordKey?
    var count = 0
    while let key = stream.next() {
      try require(last.map { $0 < key } ?? true, "records of a stream come in order: \(key)")
      last = key
      count += 1
      let lent = try? stream.withRecord(key) { record in
        record.shape.elementCount == record.elementCount
          && record.payload.byteCount == record.elementCount * record.elementType.size
      }
      try require(lent == true, "\(key) is lent and is what its head says")
    }
    let (isComplete, problems) = (stream.isComplete, stream.problems)
    try require(!stream.isLive && (isComplete || !problems.isEmpty), "a stream that ends too early has problems")
    guard isComplete, problems.isEmpty else { return }
    let isSame = file.isComplete && file.problems.isEmpty && file.recordCount == count && file.tokens == stream.tokens
    try require(isSame, "a stream without problems is a file without problems")
  }

  private static func open(stream bytes: [UInt8]) throws(TraceError) -> TraceStream {
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0)
    let written = bytes.withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) }
    close(ends[1])
    precondition(written == bytes.count, "a pipe holds 64 kB")
    return try TraceStream(descriptor: ends[0], name: "pipe")
  }
}
