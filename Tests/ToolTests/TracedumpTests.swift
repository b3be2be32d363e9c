import Foundation
import Model
import TestSupport
import Testing
import ToolSupport
import TraceFormat

@Suite struct TracedumpTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(TestModel.grouped.bytes(.legacy), as: "m.bin")
    try folder.write(TestModel.grouped.tokenizerBytes(), as: "t.bin")
  }

  private func run(_ arguments: [String]) throws -> BuiltProgram.Outcome {
    try BuiltProgram.run("tracedump", ["m.bin"] + arguments, cwd: folder.url)
  }

  /// Forced tokens leave nothing to be sampled, and a bound that is written must exist.
  @Test(arguments: [
    (["--tokens", "1,2", "-t", "0"], "--tokens and --temperature exclude each other"),
    (["--tokens", "1,2", "-p", "0.5"], "--tokens and --top-p exclude each other"),
    (["--tokens-from", "x", "-s", "3"], "--tokens-from and --seed exclude each other"),
    (["--tokens", "1,2", "-i", "x"], "--tokens and a prompt exclude each other"),
    (["--tokens", "1,2", "--layers", "1..99"], "--layers: the model has layers 0..2 only"),
    (["--tokens", "1,2", "--positions", "1..9"], "--positions: the run has positions 0..1 only"),
    (["--tokens", "1,2", "--positions", "2.."], "--positions: the run has positions 0..1 only"),
    (["--tokens", "1,2", "--only", "q", "--only", "zz"], "--only: no site of this run matches 'zz'; see --list-sites"),
  ])
  func usageErrors(arguments: [String], message: String) throws {
    let result = try run(arguments)
    #expect(result.status == 2 && result.errors == "tracedump: \(message)\n")
  }

  @Test func selectionsCollectAndHaveTwoNames() throws {
    #expect(
      try run(["--tokens", "1,2", "--only", "q.rope", "--site", "logits,x", "--layer", "1..", "-o", "a"]).status == 0)
    var trace = try TraceFile(path: folder.path("a"))
    var names: Set<String> = []
    while let key = trace.next() { names.insert(key.name.text) }
    #expect(names == ["q.rope", "x.attn_residual", "x.ffn_residual"])
  }

  @Test func fewerPositionsThanForcedTokens() throws {
    for (steps, count) in [("2", 2), ("0", 3), ("100", 3)] {
      #expect(try run(["--tokens", "1,2,3", "-n", steps, "-o", "a"]).status == 0)
      let found = try TraceFile(path: folder.path("a")).tokens.count
      #expect(found == count)
    }
  }

  /// A forced run needs no tokenizer. That there is none is no news; that the default one is broken is.
  @Test func tokenizers() throws {
    let forced = ["--tokens", "1,20,30", "--no-trace"]
    let none = try run(forced)
    #expect(none.status == 0 && none.output == "" && !none.errors.contains("warning"))
    try folder.write([1, 2, 3], as: "tokenizer.bin")
    let broken = try run(forced)
    #expect(broken.status == 0 && broken.output == "")
    #expect(
      broken.errors.hasPrefix("tracedump: warning: tokenizer.bin: cut short: the header at offset 0 needs 4 bytes"))
    #expect(try run(forced + ["-z", "tokenizer.bin"]).status == 2)
    #expect(try run(forced + ["-z", "missing.bin"]).status == 2)

    try folder.write(TestModel.grouped.tokenizerBytes() + [0, 1, 2], as: "long.bin")
    let long = try run(["-n", "3", "-z", "long.bin", "--no-trace"])
    #expect(long.status == 0)
    #expect(
      long.errors.hasPrefix(
        "tracedump: warning: long.bin: 3 bytes after the 320 entries of the model's vocabulary were ignored\n"))
    #expect(try long.output == run(["-n", "3", "-z", "t.bin", "--no-trace"]).output)
  }

  @Test func aPromptThatIsCutIsSaid() throws {
    let cut = try run(["-z", "t.bin", "-i", "zzz zzz zzz", "-n", "3", "--no-trace"])
    #expect(cut.status == 0)
    #expect(cut.errors.contains("tokens and is cut to the 3 positions of the run\n"))
    #expect(try !run(["-z", "t.bin", "-i", "z", "-n", "9", "--no-trace"]).errors.contains("cut"))
  }

  /// A header may ask for more memory than there is: one line, as for any other error.
  @Test func aHugeContext() throws {
    var bytes = try TestModel.grouped.bytes(.float32)
    bytes.replaceSubrange(32..<36, with: [0xFF, 0xFF, 0xFF, 0x7F])
    try folder.write(bytes, as: "huge.bin")
    let result = try BuiltProgram.run("tracedump", ["huge.bin", "-z", "t.bin", "-n", "0"], cwd: folder.url)
    #expect(result.status == 2)
    #expect(result.errors.hasPrefix("tracedump: out of memory: 2147483647 positions need "))
    #expect(result.errors.split(separator: "\n").count == 1)
    #expect(try BuiltProgram.run("tracedump", ["huge.bin", "-z", "t.bin", "-n", "3"], cwd: folder.url).status == 0)
  }

  @Test func filesOfAnotherKind() throws {
    try SyntheticTrace().write(to: folder.path("a.trace"))
    try folder.write(Array("hello world".utf8), as: "text")
    try folder.write(Array("tracediff golden 1\n".utf8), as: "a.golden")
    try folder.write([0x50, 0x4B, 3, 4, 20, 0, 0, 0, 0], as: "a.npz")
    try folder.write([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0, 0], as: "x.npy")
    let forced = try BuiltProgram.run("tracedump", ["m.bin", "--tokens-from", "a.npz"], cwd: folder.url)
    #expect(forced.status == 2)
    #expect(forced.errors.hasPrefix("tracedump: a.npz: not a trace but a zip archive, as .npz files are: at offset 0 "))
    for (name, message) in [
      ("a.trace", "not a checkpoint: this is a trace"), ("a.golden", "not a checkpoint: this looks like a golden"),
      ("text", "not a checkpoint: this looks like text"),
      ("a.npz", "not a checkpoint: this looks like a zip archive, as .npz files are"),
      ("x.npy", "not a checkpoint: this looks like an array (.npy)"),
      ("t.bin", "offset 4: hidden_dim: expected 1 to 2147483647, found 0; this looks like a tokenizer"),
    ] {
      let result = try BuiltProgram.run("tracedump", [name, "--tokens", "1"], cwd: folder.url)
      #expect(result.status == 2 && result.errors == "tracedump: \(name): \(message)\n")
    }
    for (name, kind) in [
      ("m.bin", "a checkpoint"), ("t.bin", "a tokenizer"), ("text", "text"), ("a.golden", "a golden"),
    ] {
      let result = try BuiltProgram.run("tracediff", ["a.trace", name], cwd: folder.url)
      #expect(
        result.status == 2 && result.errors.hasPrefix("tracediff: \(name): not a trace but \(kind): at offset 0 "))
    }
  }

  @Test(arguments: [
    (nil, [2], true), (1, [2], true), (1, [1, 2], false), (2, [2], false), (nil, [1], false), (1, [], false),
  ])
  func progressIsShown(textDescriptor: Int32?, terminals: [Int32], isShown: Bool) {
    #expect(Progress.isShown(textDescriptor: textDescriptor) { terminals.contains($0) } == isShown)
  }

  @Test(arguments: [
    (0, "0"), (0.0123456, "0.0123"), (0.5, "0.5"), (1.234, "1.23"), (56.78, "56.8"), (9.999, "10"), (999.6, "1000"),
    (1234.5, "1235"), (2e9, "2000000000"),
  ])
  func quantities(value: Double, text: String) {
    #expect(Quantity.rounded(value) == text)
  }

  @Test(arguments: [(576, "576 bytes"), (1000, "1 kB"), (12345, "12.3 kB"), (999_600, "1 MB"), (1_460_000, "1.46 MB")])
  func sizes(byteCount: Int, text: String) {
    #expect(Quantity.size(byteCount) == text)
  }
}
