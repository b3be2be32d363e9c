import Foundation
import Model
import Testing
import TestSupport
import TraceFormat

import PlatformLibc

/// Killing a writer at any moment loses no complete record.
@Suite struct KilledWriterTests {
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
    let delay = Int.random(in: 1...(15 * attempt))
    try process.run()
    usleep(UInt32(delay * 1000))
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()

    let isDone = FileManager.default.fileExists(atPath: folder.path("out.trace"))
    let path = folder.path(isDone ? "out.trace" : "out.trace.partial")
    guard FileManager.default.fileExists(atPath: path) else { return }
    let size = try MappedFile(path: path).byteCount
    if size < 2048 {
      // Killed while the header was being written: there is nothing to lose yet.
      #expect(!isDone, "killed after \(delay) ms")
      return
    }
    var trace = try TraceFile(path: path)
    let isComplete = trace.isComplete
    #expect(isComplete == isDone, "killed after \(delay) ms")
    // Records are written in the order of execution, so what is there must be the beginning of the run without a gap.
    var expected = try complete(folder, program, tokens)
    var count = 0
    while let key = trace.next() {
      let wanted = expected.next()
      #expect(key == wanted, "killed after \(delay) ms")
      let found = try trace.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
      let whole = try expected.withRecord(key) { $0.payload.byteArray(0..<$0.payload.byteCount) }
      #expect(found == whole, "killed after \(delay) ms")
      count += 1
    }
    #expect(count > 0, "killed after \(delay) ms")
  }

  private func complete(_ folder: TemporaryFolder, _ program: String, _ tokens: String) throws -> TraceFile {
    let outcome = try BuiltProgram.run(
      program, ["model.bin", "--tokens", tokens, "-o", "whole.trace"], cwd: folder.url)
    #expect(outcome.status == 0)
    return try TraceFile(path: folder.path("whole.trace"))
  }
}
