import Foundation
import PlatformLibc
import TestSupport
import Testing
import TraceFormat

/// Traces that are compared while they are written.
@Suite struct TracediffPipeTests {
  let fixture: TracediffFixture

  init() throws { fixture = try TracediffFixture() }

  private func shell(_ script: String, in folder: TemporaryFolder? = nil) throws -> BuiltProgram.Outcome {
    try fixture.shell(script, in: folder)
  }

  /// A model, and the trace of a run of it.
  private static func model(positions: Int, in folder: TemporaryFolder) throws -> String {
    let arguments = ["tiny", "--seq-len", "\(positions)", "-o", "m.bin"]
    #expect(try BuiltProgram.run("llama2-synthesize", arguments, cwd: folder.url).status == 0)
    let tokens = sampleTokens(count: positions, vocabularySize: 320).map(String.init).joined(separator: ",")
    let run = ["m.bin", "--tokens", tokens, "-o", "m.trace"]
    #expect(try BuiltProgram.run("tracedump", run, cwd: folder.url).status == 0)
    return tokens
  }

  @Test func theReportOfAFile() throws {
    for (name, options) in [("a", ""), ("near", ""), ("b", "--exact"), ("short", "--common"), ("tokens", "")] {
      let file = try shell("tracediff a.trace \(name).trace \(options); echo $?").output
      let piped = try shell("cat \(name).trace | tracediff a.trace - \(options); echo $?").output
      #expect(piped == file.replacingOccurrences(of: "actual     \(name).trace", with: "actual     -"), "\(name)")
      let expected = try shell("tracediff \(name).trace a.trace \(options); echo $?").output
      let reversed = try shell("tracediff - a.trace \(options) <\(name).trace; echo $?").output
      #expect(reversed == expected.replacingOccurrences(of: "expected   \(name).trace", with: "expected   -"))
    }
  }

  @Test func namedPipes() throws {
    #expect(mkfifo(fixture.folder.path("one"), 0o600) == 0 && mkfifo(fixture.folder.path("two"), 0o600) == 0)
    let result = try shell("cat a.trace >one & cat b.trace >two & tracediff one two --json v.json; echo $?")
    #expect(result.output.hasPrefix("diverged: q.rope, layer 0, position 1 is the first tensor beyond tolerance\n"))
    #expect(result.output.hasSuffix("\n1\n") && result.errors == "")
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(fixture.folder.read("v.json"))) as? [String: Any])
    #expect(document["stopped_at_first"] as? Bool == false)
  }

  @Test func aLiveRun() throws {
    let folder = try TemporaryFolder()
    let tokens = try Self.model(positions: 40, in: folder)
    let script = "tracedump m.bin --tokens \(tokens) -o - 2>errors | tracediff m.trace -; echo $?; ls"
    let result = try shell(script, in: folder)
    #expect(result.output.hasPrefix("identical: all "))
    // Nothing is kept.
    #expect(result.output.hasSuffix("\n0\nerrors\nm.bin\nm.tokenizer.bin\nm.trace\n"))
    #expect(result.errors == "")
  }

  /// Records are compared while the writer still waits.
  @Test func divergencesAreListedAsTheyCome() throws {
    let bytes = try fixture.folder.read("far.trace")
    let process = Process()
    process.executableURL = try BuiltProgram("tracediff").url
    process.arguments = ["a.trace", "-", "--all"]
    process.currentDirectoryURL = fixture.folder.url
    let (input, output) = (Pipe(), Pipe())
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(bytes[..<(bytes.count / 2)]))
    let first = output.fileHandleForReading.availableData
    #expect(String(decoding: first, as: UTF8.self).hasPrefix("Records beyond tolerance, as they come:\n"))
    #expect(process.isRunning)
    try input.fileHandleForWriting.write(contentsOf: Data(bytes[(bytes.count / 2)...]))
    try input.fileHandleForWriting.close()
    let text = String(decoding: first + output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 1)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[1].hasPrefix("  x.embed, position 0: 1 / 8 beyond, ratio "))
    #expect(lines[112] == "" && lines[113].hasPrefix("diverged: x.embed, position 0"))
    #expect(!text.contains("All records"))
  }

  /// With --first both sides end at the first divergence; the writer's closed pipe is quiet.
  @Test func theFirstDivergenceStopsTheWriter() throws {
    let folder = try TemporaryFolder()
    let tokens = try Self.model(positions: 1000, in: folder)
    let trace = try folder.read("m.trace")
    let file = try TraceFile(path: folder.path("m.trace"))
    let key = RecordKey(.queryRotation, layer: 1, position: 3)
    let place = try #require((0..<file.recordCount).first { file.key(at: $0) == key })
    // The record becomes another: its values are negated, and its checksum is made right.
    var changed = trace
    let entry = file.entry(at: place)
    let payload = (entry.offset + 64)..<(entry.offset + entry.chunkLength)
    for index in stride(from: payload.lowerBound + 3, to: payload.upperBound, by: 4) where trace[index] != 0 {
      changed[index] ^= 0x80
    }
    for index in 16..<24 { changed[entry.offset + index] = 0 }
    let value = Checksum.of(changed[entry.offset..<payload.upperBound].span.bytes)
    for index in 0..<8 { changed[entry.offset + 16 + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
    try folder.write(changed, as: "e.trace")

    let writer = "(tracedump m.bin --tokens \(tokens) -o - 2>errors; echo $? >status)"
    let result = try shell("\(writer) | tracediff e.trace - --first; echo $?", in: folder)
    #expect(result.output.hasPrefix("diverged: \(key) is the first tensor beyond tolerance\n"))
    #expect(result.output.contains("\nstopped    at the first record beyond tolerance, as --first asks"))
    #expect(result.output.hasSuffix("\n1\n") && result.errors == "")
    #expect(try String(decoding: folder.read("status"), as: UTF8.self) == "2\n")
    #expect(try folder.read("errors") == [], "the writer says nothing, and so does not reach its summary")
    // The same of files.
    let files = try shell("tracediff e.trace m.trace --first; echo $?", in: folder).output
    #expect(files == result.output.replacingOccurrences(of: "actual     -", with: "actual     m.trace"))
  }

  @Test func firstOnFiles() throws {
    let all = try fixture.run("a.trace", "b.trace")
    let first = try fixture.run("a.trace", "b.trace", "--first")
    #expect(all.status == 1 && first.status == 1)
    func block(_ text: String) -> Substring? {
      guard let start = text.firstRange(of: "First beyond tolerance: ") else { return nil }
      return text[start.lowerBound...].prefix(500)
    }
    #expect(block(first.output) != nil && block(first.output)?.prefix(400) == block(all.output)?.prefix(400))
    // q.rope of layer 0 is the 43rd record: 37 of position 0, and five before it at position 1.
    #expect(first.output.contains("\ncompared   43 records, "))
    #expect(try fixture.run("a.trace", "near.trace", "--first").output == fixture.run("a.trace", "near.trace").output)
    let exact = try fixture.run("a.trace", "near.trace", "--first", "--exact")
    #expect(exact.status == 1 && exact.output.hasPrefix("diverged: q.rope, layer 1, position 0"))
    let json = try fixture.run("a.trace", "b.trace", "--first", "--json", "-").output
    #expect(json.contains("\"stopped_at_first\":true"))
  }

  @Test func aStreamThatIsNoTraceOrIsCut() throws {
    let cases: [(String, status: String, message: String)] = [
      ("head -c 5000 a.trace", "2", "tracediff: incomparable: actual: the trace is cut short: it ends at"),
      ("head -c 5000 far.trace", "1", ""),
      ("cat a.trace a.trace", "2", "tracediff: incomparable: actual: expected the end of the file at"),
      ("echo not a trace at all", "2", "tracediff: -: not a trace but text"),
      ("true", "2", "tracediff: -: not a trace: at offset 0 expected the magic"),
    ]
    for (command, status, message) in cases {
      let result = try shell("\(command) | tracediff a.trace -; echo $?")
      #expect(result.output.hasSuffix("\(status)\n"), "\(command)")
      #expect(result.errors.hasPrefix(message) && result.errors.isEmpty == message.isEmpty, "\(result.errors)")
    }
  }

  @Test(arguments: [
    (["-", "-"], "both traces come through one pipe, -: write one of them to a file first"),
    (
      ["a.trace", "-", "--oracle", "a.trace"],
      "option '--oracle' needs files, since the traces are read again; a pipe can be read only once"
    ),
  ])
  func whatAPipeCannotDo(arguments: [String], message: String) throws {
    let result = try fixture.run(arguments)
    #expect(result.status == 2 && result.output == "" && result.errors == "tracediff: \(message)\n")
  }

  /// One pipe by several names is one pipe, of which each reader would take bytes of the other.
  @Test(arguments: ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "/dev/fd/3"])
  func onePipeNamedTwice(name: String) throws {
    guard name.hasPrefix("/dev") || name == "-" || FileManager.default.fileExists(atPath: name) else { return }
    for (command, named) in [("-", name), (name, "-")] {
      let result = try shell("cat a.trace 2>&- | tracediff \(command) \(named) --all 3<&0; echo $?")
      let names = Set(["-", name]).sorted().joined(separator: " and ")
      #expect(result.output == "2\n")
      #expect(
        result.errors == "tracediff: both traces come through one pipe, \(names): write one of them to a file first\n")
    }
    let history = try shell("cat a.trace 2>&- | tracediff history append h.jsonl - \(name) --commit c 3<&0; echo $?")
    #expect(history.output == "2\n" && history.errors.contains("both traces come through one pipe"))
    // A regular file is read from its beginning by each, if only one of the names stands for the descriptor itself.
    guard name == "/dev/stdin" else { return }
    let file = try shell("tracediff - \(name) <a.trace; echo $?")
    #expect(file.output.hasPrefix("identical: ") && file.output.hasSuffix("\n0\n"), "\(file.errors)")
  }

  @Test func oneNamedPipeNamedTwice() throws {
    try #require(mkfifo(fixture.folder.path("one"), 0o600) == 0)
    let result = try fixture.run("one", "./one")
    #expect(result.status == 2 && result.output == "")
    let message = "both traces come through one pipe, ./one and one: write one of them to a file first"
    #expect(result.errors == "tracediff: \(message)\n")
  }

  /// Two substitutions of one command are two pipes, where the shell has them.
  @Test func twoSubstitutions() throws {
    let bash = BuiltProgram(url: URL(fileURLWithPath: "/bin/bash"))
    guard FileManager.default.isExecutableFile(atPath: bash.url.path) else { return }
    let tracediff = try BuiltProgram("tracediff").url.path
    let script = "'\(tracediff)' <(cat a.trace) <(cat a.trace); echo $?"
    let result = try bash.run(["-c", script], cwd: fixture.folder.url)
    #expect(result.output.hasPrefix("identical: ") && result.output.hasSuffix("\n0\n") && result.errors == "")
  }

  /// No output may be the file that standard input is.
  @Test func anOutputThatIsStandardInput() throws {
    let before = try fixture.folder.read("b.trace")
    let result = try shell("tracediff a.trace - --json b.trace <b.trace; echo $?")
    #expect(result.output == "2\n")
    #expect(result.errors == "tracediff: the output 'b.trace' would overwrite the input '/dev/stdin'\n")
    #expect(try fixture.folder.read("b.trace") == before)
  }

  /// A mapped file that is cut short under its reader ends the program with a message, not by a signal.
  @Test func aTruncatedFile() throws {
    let folder = try TemporaryFolder()
    let trace = SyntheticTrace(layers: 80, positions: 24)
    try trace.write(to: folder.path("a.trace"))
    try trace.write(to: folder.path("b.trace"))
    let bytes = try folder.read("b.trace")
    #expect(bytes.count > 3 << 20)
    let process = Process()
    process.executableURL = try BuiltProgram("tracediff").url
    process.arguments = ["a.trace", "-"]
    process.currentDirectoryURL = folder.url
    let (input, output, errors) = (Pipe(), Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (input, output, errors)
    signal(SIGPIPE, SIG_IGN)
    try process.run()
    // More than the pipe and the reader's buffer hold: when it is written, the comparison goes on.
    try input.fileHandleForWriting.write(contentsOf: Data(bytes[..<(5 << 19)]))
    #expect(truncate(folder.path("a.trace"), 4096) == 0)
    try? input.fileHandleForWriting.write(contentsOf: Data(bytes[(5 << 19)...]))
    try? input.fileHandleForWriting.close()
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 2)
    #expect(
      said == "tracediff: a file was cut short while it was being read, or its disk cannot be read any more\n")
    #expect(output.fileHandleForReading.readDataToEndOfFile().isEmpty)
  }
}
