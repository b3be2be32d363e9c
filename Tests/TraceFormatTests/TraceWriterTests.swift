import Foundation
import PlatformLibc
import Testing
import TestSupport
import TraceFormat

@Suite struct TraceWriterTests {
  @Test func aFileHasItsNameOnlyWhenItIsComplete() throws {
    let folder = try TemporaryFolder()
    let manager = FileManager.default
    do {
      var writer = try TraceWriter(path: folder.path("a.trace"), header: TraceHeader(producer: "test"))
      try writer.token(TraceToken(id: 1), position: 0)
      #expect(manager.fileExists(atPath: folder.path("a.trace.partial")))
      #expect(!manager.fileExists(atPath: folder.path("a.trace")))
    }
    let trace = try TraceFile(path: folder.path("a.trace.partial"))
    let traceSummary = TraceFixture.summary(trace)
    #expect(traceSummary.tokens[0]?.id == 1)
    #expect(!traceSummary.isComplete)
    try TraceWriter(path: folder.path("a.trace"), header: TraceHeader(producer: "test")).finish()
    #expect(manager.fileExists(atPath: folder.path("a.trace")))
    #expect(!manager.fileExists(atPath: folder.path("a.trace.partial")))
  }

  @Test func anUnfinishedFileLeavesTheOldOneAlone() throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3], as: "a.trace")
    do { _ = try TraceWriter(path: folder.path("a.trace"), header: TraceHeader(producer: "test")).byteCount }
    #expect(try folder.read("a.trace") == [1, 2, 3])
  }

  @Test(arguments: ["", String(repeating: "x", count: 65), "a\0b"])
  func badProducers(producer: String) throws {
    let folder = try TemporaryFolder()
    #expect(throws: TraceError.self) {
      _ = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: producer)).byteCount
    }
  }

  @Test(arguments: ["", "Dim", "a-b", String(repeating: "a", count: 65)])
  func badFieldNames(name: String) throws {
    let folder = try TemporaryFolder()
    let header = TraceHeader(producer: "test", fields: [name: .integer(1)])
    #expect(throws: TraceError.self) { _ = try TraceWriter(path: folder.path("a"), header: header).byteCount }
  }

  @Test func wrongTypesOfKnownFields() throws {
    let folder = try TemporaryFolder()
    let header = TraceHeader(producer: "test", fields: ["dim": .real(1)])
    #expect(throws: TraceError.self) { _ = try TraceWriter(path: folder.path("a"), header: header).byteCount }
  }

  @Test func badRecords() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    try writer.token(TraceToken(id: 1), position: 0)
    let payload: [Float] = [1, 2]
    let cases: [(RecordKey, TensorShape)] = [
      (RecordKey(.embedding, layer: nil, position: 1), TensorShape(vector: 2)),
      (RecordKey(.embedding, layer: nil, position: 0), TensorShape(vector: 3)),
      (RecordKey(.embedding, layer: -2, position: 0), TensorShape(vector: 2)),
      (RecordKey(TensorName("a,b"), layer: nil, position: 0), TensorShape(vector: 2)),
      (RecordKey(TensorName(""), layer: nil, position: 0), TensorShape(vector: 2)),
      (RecordKey(TensorName(String(repeating: "a", count: 256)), layer: nil, position: 0), TensorShape(vector: 2)),
    ]
    for (key, shape) in cases {
      do {
        try writer.record(key, type: .float32, shape: shape, payload: payload.span.bytes)
        Issue.record("\(key) was recorded")
      } catch { if case .cannotRecord = error {} else { Issue.record("unexpected: \(error)") } }
    }
    do {
      try writer.token(TraceToken(id: 2), position: 0)
      Issue.record("a second token was recorded")
    } catch { if case .cannotRecord = error {} else { Issue.record("unexpected: \(error)") } }
    let count = writer.recordCount
    #expect(count == 0)
  }

  @Test func directoriesAndMissingFoldersAreErrors() throws {
    let folder = try TemporaryFolder()
    for path in [folder.url.path, folder.path("no/such/folder")] {
      #expect(throws: TraceError.self) {
        _ = try TraceWriter(path: path, header: TraceHeader(producer: "test")).byteCount
      }
      #expect(throws: TraceError.self) { _ = try TraceFile(path: path).recordCount }
    }
  }

  /// After a write that failed the file ends inside a chunk, so nothing may follow and nothing may be completed.
  @Test func aFailedWriteIsKept() throws {
    let folder = try TemporaryFolder()
    let pipe = try NamedPipe(path: folder.path("pipe"))
    var writer = try TraceWriter(path: pipe.path, header: TraceHeader(producer: "test"))
    let header = pipe.drain()
    #expect(header == writer.byteCount)
    pipe.closeReader()
    var failures: [TraceError] = []
    for position in 0..<3 {
      do throws(TraceError) { try writer.token(TraceToken(id: 1), position: position) } catch { failures.append(error) }
      // From now on the pipe has a reader again, but the writer must not go on.
      try pipe.openReader()
    }
    let count = writer.recordCount
    do throws(TraceError) { try writer.finish() } catch { failures.append(error) }
    #expect(count == 0 && failures.count == 4)
    #expect(failures.allSatisfy { $0 == failures[0] })
    if case .file(let error) = failures.first { #expect(error.isBrokenPipe) } else { Issue.record("\(failures)") }
    let rest = pipe.drain()
    #expect(rest == 0, "bytes behind the gap")
  }

  /// The positions whose tokens came early are forgotten as soon as the gap before them closes.
  @Test func tokensInAnyOrder() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    for position in [3, 1, 0, 2, 5, 4] { try writer.token(TraceToken(id: position), position: position) }
    for position in 0..<6 {
      do throws(TraceError) {
        try writer.token(TraceToken(id: 9), position: position)
        Issue.record("a second token of position \(position) was recorded")
      } catch { #expect(error == .cannotRecord("position \(position) has its token already")) }
    }
    try writer.finish()
    let tokens = try TraceFile(path: folder.path("a")).tokens
    #expect(tokens.mapValues(\.id) == [0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 5])
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "there is no /dev/full here"))
  func aFullDiskIsAnError() throws {
    #expect(throws: TraceError.self) {
      _ = try TraceWriter(path: "/dev/full", header: TraceHeader(producer: "test")).byteCount
    }
  }
}
