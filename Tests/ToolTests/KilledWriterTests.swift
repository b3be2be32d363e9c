import Foundation
import Model
import Testing
import TestSupport
import TraceFormat

import PlatformLibc

/// Killing a writer at any moment loses no complete record.
///
/// The delays come from a seed, which `KILL_SEED` sets and every failure names. The emitters tracefile.h and
/// tracefile.py are killed by Tests/Python/test_emitter.py.
@Suite struct KilledWriterTests {
  static let seed: UInt64 = {
    let given = ProcessInfo.processInfo.environment["KILL_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64(UInt32.max))
    print("KILL_SEED=\(seed)")
    return seed
  }()

  /// A delay in microseconds, and what a failure says of it.
  private static func delay(upTo most: UInt32, program: String, attempt: Int) -> (UInt32, Comment) {
    let stream = UInt64(attempt) &* 1000 &+ UInt64(program.utf8.count)
    var generator = SplitMix(seed: seed &+ stream)
    let delay = UInt32.random(in: 1000...most, using: &generator)
    return (delay, "killed after \(delay) us, KILL_SEED=\(seed)")
  }

  /// Text on standard output acknowledges: a position's token is printed after its records. Whatever was printed before
  /// the program was killed, the records of these positions are in the file.
  @Test(arguments: ["tracedump", "llama2-reference"], 1...6)
  func acknowledgedRecordsAreThere(program: String, attempt: Int) throws {
    let folder = try TemporaryFolder()
    try folder.write(TestModel.grouped.bytes(.legacy), as: "model.bin")
    try folder.write(TestModel.grouped.tokenizerBytes(), as: "tokenizer.bin")
    let tokenizer = try TestModel.grouped.tokenizer()
    // Tokens whose text is a byte at least, so that every position is acknowledged.
    let visible = (3..<320).filter { !tokenizer.text(of: $0, after: nil).isEmpty }
    let tokens = (0..<128).map { visible[($0 * 37) % visible.count] }
    var ends: [Int] = []
    for (position, token) in tokens.enumerated() {
      let text = tokenizer.text(of: token, after: position > 0 ? tokens[position - 1] : nil)
      ends.append((ends.last ?? 0) + text.count)
    }
    let list = tokens.map(String.init).joined(separator: ",")
    let expected = try complete(folder, program, list)
    let recordsPerPosition = expected.recordCount / tokens.count

    let process = Process()
    process.executableURL = try BuiltProgram(program).url
    process.arguments = ["model.bin", "--tokens", list, "-o", "out.trace"]
    process.currentDirectoryURL = folder.url
    process.standardError = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    let (delay, comment) = Self.delay(upTo: UInt32(2000 + 3000 * attempt), program: program, attempt: attempt)
    try process.run()
    // Not before the run has begun: the first byte of the text is waited for.
    var printed = try output.fileHandleForReading.read(upToCount: 1)?.count ?? 0
    usleep(delay - 1000)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    printed += output.fileHandleForReading.readDataToEndOfFile().count

    let acknowledged = ends.count { $0 <= printed }
    let isDone = FileManager.default.fileExists(atPath: folder.path("out.trace"))
    let trace = try TraceFile(path: folder.path(isDone ? "out.trace" : "out.trace.partial"))
    let count = trace.recordCount
    #expect(printed > 0, comment)
    #expect(count >= acknowledged * recordsPerPosition, comment)
  }

  /// What `TraceWriter` was handed is in the file when the call returns, whatever becomes of the process then.
  @Test func everyRecordIsInTheFileAtOnce() throws {
    let folder = try TemporaryFolder()
    var writer = try TraceWriter(path: folder.path("a"), header: TraceHeader(producer: "test"))
    try writer.token(TraceToken(id: 1), position: 0)
    for layer in 0..<40 {
      let payload = [Float](repeating: Float(layer), count: 1 + layer * 30)
      let key = RecordKey(.queryRotation, layer: layer, position: 0)
      try writer.record(key, type: .float32, shape: TensorShape(vector: payload.count), payload: payload.span.bytes)
      let trace = try TraceFile(path: folder.path("a.partial"))
      let (count, size) = (trace.recordCount, trace.byteCount)
      #expect(count == layer + 1)
      let written = writer.byteCount
      #expect(size == written)
      let found = try trace.withRecord(key) { ($0.elementCount, $0.element(0)) }
      #expect(found?.0 == payload.count && found?.1 == Double(layer))
    }
  }

  @Test(arguments: ["tracedump", "llama2-reference"], 1...6)
  func everyCompleteRecordIsReadable(program: String, attempt: Int) throws {
    let folder = try TemporaryFolder()
    try folder.write(TestModel.grouped.bytes(.legacy), as: "model.bin")
    let tokens = sampleTokens(count: 128, vocabularySize: 320).map(String.init).joined(separator: ",")
    let process = Process()
    process.executableURL = try BuiltProgram(program).url
    process.arguments = ["model.bin", "--tokens", tokens, "-o", "out.trace"]
    process.currentDirectoryURL = folder.url
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    let (delay, comment) = Self.delay(upTo: UInt32(15000 * attempt), program: program, attempt: attempt)
    try process.run()
    usleep(delay)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()

    let isDone = FileManager.default.fileExists(atPath: folder.path("out.trace"))
    let path = folder.path(isDone ? "out.trace" : "out.trace.partial")
    guard FileManager.default.fileExists(atPath: path) else { return }
    let size = try MappedFile(path: path).byteCount
    if size < 2048 {
      // Killed while the header was being written: there is nothing to lose yet.
      #expect(!isDone, comment)
      return
    }
    var trace = try TraceFile(path: path)
    let isComplete = trace.isComplete
    #expect(isComplete == isDone, comment)
    // Records are written in the order of execution, so what is there must be the beginning of the run without a gap.
    var expected = try complete(folder, program, tokens)
    var count = 0
    while let key = trace.next() {
      let wanted = expected.next()
      #expect(key == wanted, comment)
      let found = try trace.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
      let whole = try expected.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
      #expect(found == whole, comment)
      count += 1
    }
    #expect(count > 0, comment)
  }

  private func complete(_ folder: TemporaryFolder, _ program: String, _ tokens: String) throws -> TraceFile {
    let outcome = try BuiltProgram.run(
      program, ["model.bin", "--tokens", tokens, "-o", "whole.trace"], cwd: folder.url)
    #expect(outcome.status == 0)
    return try TraceFile(path: folder.path("whole.trace"))
  }
}
