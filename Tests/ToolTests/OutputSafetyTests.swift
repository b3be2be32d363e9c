import Foundation
import Model
import TestSupport
import Testing
import TraceFormat

/// No output destroys an input, another output or a link, whatever the paths look like and whichever streams are
/// closed.
@Suite struct OutputSafetyTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(TestModel.grouped.bytes(.legacy), as: "m.bin")
    try folder.write(TestModel.grouped.tokenizerBytes(), as: "tokenizer.bin")
    try SyntheticTrace(seed: 1).write(to: folder.path("a.trace"))
    try SyntheticTrace(seed: 1).write(to: folder.path("b.trace"))
    for (link, target) in [("link", "m.bin"), ("out.partial", "m.bin"), ("loop", "loop")] {
      try FileManager.default.createSymbolicLink(atPath: folder.path(link), withDestinationPath: target)
    }
    try FileManager.default.linkItem(atPath: folder.path("m.bin"), toPath: folder.path("hard"))
  }

  private func shell(_ script: String) throws -> BuiltProgram.Outcome {
    let folder = try BuiltProgram("tracedump").url.deletingLastPathComponent().path
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return try BuiltProgram(url: URL(fileURLWithPath: "/bin/sh")).run(
      ["-c", script], cwd: self.folder.url, environment: ["PATH": "\(folder):\(path)"])
  }

  @Test(arguments: [
    ["tracedump", "m.bin", "--tokens", "1,2", "-o", "m.bin"],
    ["tracedump", "m.bin", "--tokens", "1,2", "-o", "./m.bin"],
    ["tracedump", "m.bin", "--tokens", "1,2", "-o", "hard"],
    ["tracedump", "m.bin", "--tokens", "1,2", "-o", "link"],
    ["tracedump", "m.bin", "--tokens", "1,2", "-o", "out"],
    ["tracedump", "m.bin", "-n", "2", "-o", "tokenizer.bin"],
    ["tracedump", "m.bin", "-n", "2", "-z", "tokenizer.bin", "-o", "tokenizer.bin"],
    ["tracedump", "m.bin", "--tokens-from", "a.trace", "-o", "a.trace"],
    ["tracediff", "a.trace", "b.trace", "--json", "a.trace"],
    ["tracediff", "a.trace", "b.trace", "--json", "./b.trace"],
    ["tracediff", "inspect", "a.trace", "--json", "a.trace"],
    ["tracediff", "explain", "a.trace", "--model", "m.bin", "--json", "link"],
    ["tracediff", "explain", "a.trace", "--model", "m.bin", "--expected", "b.trace", "--json", "b.trace"],
    ["llama2-synthesize", "tiny", "-o", "s.bin", "-z", "./s.bin"],
    ["llama2-synthesize", "tiny", "-o", "s.bin", "-z", "s.bin.partial"],
  ])
  func anOutputIsNoInput(command: [String]) throws {
    let names = ["m.bin", "tokenizer.bin", "a.trace", "b.trace"]
    let before = try names.map { try folder.read($0) }
    let result = try BuiltProgram.run(command[0], Array(command.dropFirst()), cwd: folder.url)
    #expect(result.status == 2)
    #expect(result.errors.contains("would overwrite"), "\(result.errors)")
    #expect(result.errors.split(separator: "\n").count == 1 && result.output == "")
    #expect(try names.map { try folder.read($0) } == before)
    #expect(!FileManager.default.fileExists(atPath: folder.path("s.bin")))
  }

  @Test func theDefaultNameOfATraceIsCheckedToo() throws {
    try FileManager.default.copyItem(atPath: folder.path("a.trace"), toPath: folder.path("m.trace"))
    let result = try BuiltProgram.run("tracedump", ["m.bin", "--tokens-from", "m.trace"], cwd: folder.url)
    #expect(result.status == 2)
    #expect(result.errors == "tracedump: the output 'm.trace' would overwrite the input 'm.trace'\n")
  }

  /// A file must not get the number of a closed stream: its trace would take in text or messages.
  @Test(arguments: ["1", "2", "1>&- 2", "0>&- 1"])
  func closedStreams(closed: String) throws {
    #expect(try shell("tracedump m.bin -n 5 -o whole.trace >/dev/null 2>&1").status == 0)
    let result = try shell("tracedump m.bin -n 5 -o closed.trace \(closed)>&-; echo $?")
    // Text that goes nowhere is an error; messages that go nowhere are not.
    #expect(closed.contains("1") ? result.output == "2\n" : result.output.hasSuffix("\n0\n"))
    #expect(try folder.read("closed.trace") == folder.read("whole.trace"))
    // The document says that the report went nowhere, and holds nothing of it.
    let document = try shell("tracediff a.trace a.trace --json v.json >&-; cat v.json")
    let object = try JSONSerialization.jsonObject(with: Data(document.standardOutput)) as? [String: Any]
    #expect((object?["summary"] as? String)?.contains("standard output: cannot write") == true)
  }

  @Test func aLinkStaysOne() throws {
    try FileManager.default.createDirectory(atPath: folder.path("sub"), withIntermediateDirectories: true)
    for (name, target) in [("new", "sub/new.trace"), ("old", "b.trace")] {
      try FileManager.default.createSymbolicLink(atPath: folder.path(name), withDestinationPath: target)
      let result = try BuiltProgram.run("tracedump", ["m.bin", "--tokens", "1,2", "-o", name], cwd: folder.url)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.path(name)) == target)
      let count = try TraceFile(path: folder.path(target)).tokens.count
      #expect(count == 2)
    }
    let loop = try BuiltProgram.run("tracedump", ["m.bin", "--tokens", "1,2", "-o", "loop"], cwd: folder.url)
    #expect(loop.status == 2 && loop.errors.hasPrefix("tracedump: loop: cannot write: "))
  }

  /// `/dev/stdout` is standard output, whatever that is: a pipe or a file.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/stdout")))
  func devStdout() throws {
    #expect(try shell("tracedump m.bin -n 5 -o - 2>text >dash.trace").status == 0)
    #expect(try shell("tracedump m.bin -n 5 -o /dev/stdout 2>text2 >file.trace").status == 0)
    #expect(try shell("tracedump m.bin -n 5 -o /dev/stdout 2>/dev/null | cat >pipe.trace").status == 0)
    #expect(try folder.read("file.trace") == folder.read("dash.trace"))
    #expect(try folder.read("pipe.trace") == folder.read("dash.trace"))
    let json = try shell("tracediff a.trace b.trace --json /dev/stdout >v.json; cat v.json").output
    #expect(json.hasPrefix("{\"schema\"") && json.split(separator: "\n").count == 1)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    #expect(!names.contains { $0.hasSuffix(".trace.partial") })
  }

  /// A limit on the size of files is an error like a full disk, not a death without a word.
  @Test func theLimitOfFileSizes() throws {
    let script = "(ulimit -f 8; tracedump m.bin --tokens 1,2,3,4,5,6,7,8 -o big.trace; echo $?) 2>errors; cat errors"
    let result = try shell(script).output
    #expect(result == "2\ntracedump: big.trace.partial: cannot write: File too large\n")
    let made = try shell("(ulimit -f 8; llama2-synthesize tiny -o big.bin; echo $?) 2>errors; cat errors").output
    #expect(made == "2\nllama2-synthesize: big.bin.partial: cannot write: File too large\n")
    // What a trace had got is kept; half a checkpoint is of no use.
    #expect(FileManager.default.fileExists(atPath: folder.path("big.trace.partial")))
    #expect(!FileManager.default.fileExists(atPath: folder.path("big.bin.partial")))
  }

  /// `--version` is the layout where 0, 1 or 2 follows, the program's own otherwise; values of options are left alone.
  @Test func versionsOfSynthesize() throws {
    func run(_ arguments: String...) throws -> BuiltProgram.Outcome {
      try BuiltProgram.run("llama2-synthesize", arguments, cwd: folder.url)
    }
    #expect(try run("--version", "tiny", "-o", "x").output == "llama2-synthesize 0.1.0\n")
    #expect(try run("--version").output == "llama2-synthesize 0.1.0\n")
    #expect(try run("tiny", "-o", "v1.bin", "--version", "1").output.contains("v1 float32"))
    #expect(try run("tiny", "-o", "v2.bin", "--version=2").output.contains("v2 int8"))
    #expect(
      try run("tiny", "-o", "x", "--version=7").errors
        == "llama2-synthesize: option '--version' needs 0, 1 or 2, not '7'\n")
    #expect(try run("tiny", "-o", "--version", "-z", "none").status == 0)
    #expect(FileManager.default.fileExists(atPath: folder.path("--version")))
  }
}
