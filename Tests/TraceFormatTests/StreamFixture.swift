import PlatformLibc
import TestSupport
import TraceFormat

/// Traces that are read from pipes.
enum StreamFixture {
  /// What a stream gave until it ended, each record checked against nothing but its own checksum.
  struct Reading: Equatable {
    var header: TraceHeader?
    var keys: [RecordKey] = []
    var payloads: [RecordKey: [UInt8]] = [:]
    var tokens: [Int: TraceToken] = [:]
    var problems: [TraceError] = []
    var isComplete = false

    /// Whether something is said to be wrong.
    var isReported: Bool { header == nil || !problems.isEmpty || !isComplete || payloads.count < keys.count }
  }

  /// A small trace with everything that the format has: sites and another name, layers and none, texts and none.
  static func trace() -> SyntheticTrace {
    var trace = SyntheticTrace(emptyFrom: "stream 1")
    trace.header[integer: .dim] = 2
    trace.header[text: .precision] = "f32"
    trace.tokens = [0: TraceToken(id: 1, text: Array("\n<s>\n".utf8)), 1: TraceToken(id: 7)]
    trace.records = [
      RecordKey(.embedding, layer: nil, position: 0): SyntheticTrace.Record([1, -2.5] as [Float]),
      RecordKey(.queryRotation, layer: 0, position: 0): SyntheticTrace.Record([3, 4] as [Float]),
      RecordKey(.other("mine"), layer: 0, position: 0): SyntheticTrace.Record([0.5] as [Double]),
      RecordKey(.embedding, layer: nil, position: 1): SyntheticTrace.Record([-1, 0] as [Float]),
    ]
    return trace
  }

  /// The bytes of a trace, written in the order of execution or another.
  static func bytes(_ trace: SyntheticTrace, order: [RecordKey]? = nil) throws -> [UInt8] {
    let folder = try TemporaryFolder()
    try trace.write(to: folder.path("a.trace"), order: order)
    return try folder.read("a.trace")
  }

  /// A stream of bytes that fit into a pipe, which is then closed.
  static func open(_ bytes: [UInt8]) throws(TraceError) -> TraceStream {
    var ends: [Int32] = [0, 0]
    precondition(pipe(&ends) == 0)
    let written = bytes.withUnsafeBytes { write(ends[1], $0.baseAddress, $0.count) }
    close(ends[1])
    precondition(written == bytes.count, "a pipe holds 64 kB")
    return try TraceStream(descriptor: ends[0], name: "pipe")
  }

  /// Reads a stream to its end.
  static func read(_ stream: consuming TraceStream) -> Reading {
    var reading = Reading(header: stream.header)
    while let key = stream.next() {
      reading.keys.append(key)
      reading.payloads[key] = try? stream.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
    }
    reading.tokens = stream.tokens
    reading.problems = stream.problems
    reading.isComplete = stream.isComplete
    return reading
  }

  /// Reads bytes as a stream; without a header there is nothing but the error.
  static func read(_ bytes: [UInt8]) throws -> Reading {
    do throws(TraceError) { return read(try open(bytes)) } catch { return Reading(problems: [error]) }
  }

  /// What the same bytes give as a file.
  static func readFile(_ bytes: [UInt8]) -> Reading {
    do {
      var file = try TraceFixture.open(bytes)
      var reading = Reading(header: file.header)
      while let key = file.next() {
        reading.keys.append(key)
        reading.payloads[key] = try? file.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
      }
      reading.tokens = file.tokens
      reading.problems = file.problems
      reading.isComplete = file.isComplete
      return reading
    } catch { return Reading(problems: [error as? TraceError].compactMap { $0 }) }
  }
}
