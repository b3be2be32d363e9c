import Foundation
import TestSupport
import Testing

/// Several files of arrays on one side, and what is said of files and arrays that do not fit.
@Suite struct TracediffArrayPartsTests {
  let fixture: TracediffFixture

  init() throws {
    fixture = try TracediffFixture()
    for name in ["low", "high", "ranks", "other"] {
      let url = fixture.folder.url.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    for (name, positions) in [("low", "..0"), ("high", "1..")] {
      let options = ["--positions", positions, "-o", "\(name)/run.npz"]
      #expect(try fixture.run(["export", "a.trace"] + options).status == 0)
    }
  }

  private func write(_ lines: String..., as name: String) throws {
    try fixture.folder.write(Array((lines.joined(separator: "\n") + "\n").utf8), as: name)
  }

  /// Two exports of ranges of positions hold k.rope and v.proj of the first one twice; equal names in two folders are
  /// fine.
  @Test func rangesOfPositions() throws {
    let files = ["low/run.npz", "high/run.npz"]
    let result = try fixture.run(["a.trace"] + files + ["--exact"])
    #expect(result.status == 0 && result.output.hasPrefix("identical: all 111 records have equal bytes"))
    #expect(try fixture.run(["a.trace"] + files.reversed()).status == 0)
    #expect(try fixture.run("a.trace", "low", "high").status == 0)
    let inspected = try fixture.run(["inspect"] + files)
    #expect(inspected.status == 0 && inspected.output.contains("Records that an earlier file holds too: 4\n"))
    // The copies of another run are seen.
    #expect(try fixture.run("export", "far.trace", "--positions", "1..", "-o", "other/run.npz").status == 0)
    let mixed = try fixture.run("a.trace", "low/run.npz", "other/run.npz", "--positions", "0")
    let problem = "low/run.npz and other/run.npz hold different bytes for v.proj, layer 0, position 0"
    #expect(mixed.status == 2 && mixed.output.contains("actual: \(problem), and so for 3 more records"))
    #expect(mixed.errors.hasPrefix("tracediff: incomparable: actual: \(problem)"))
    let words = ["damaged", "lost"]
    #expect(words.allSatisfy { !(mixed.output + mixed.errors).contains($0) })
  }

  /// What a message suggests can be pasted, whatever the array is called.
  @Test(arguments: [
    "plain", "a b", "a*", "a?b", "{layer}", "a}{", #"say \"hi\""#, #"back\\slash\\*"#, "#1", "日本", "e\u{301}", "a\\nb",
    "a\\tb", "\\u0000\\u001b[31m", "\u{200b}",
  ])
  func suggestedLines(name: String) throws {
    try fixture.folder.write(ArrayFiles.safetensors(["logits/pos0", name, "aXb", "9"]), as: "x.safetensors")
    try write("tensor logits/pos{position} -> logits", "ignore aXb", "ignore 9", as: "map")
    let refused = try fixture.run("export", "x.safetensors", "--map", "map", "-o", "out.npz")
    #expect(refused.status == 2)
    let message = refused.errors.dropLast()
    let place = try #require(message.range(of: "or exclude it by the line: "))
    let text = try fixture.folder.read("map") + Array(message[place.upperBound...].utf8) + [0x0A]
    try fixture.folder.write(text, as: "map")
    let exported = try fixture.run("export", "x.safetensors", "--map", "map", "-o", "out.npz")
    #expect(exported.status == 0, "\(message) \(exported.errors)")
  }

  /// Arrays that nobody mentions, or that are doubled, are neither damaged nor make others lost.
  @Test(arguments: [
    (["tensor logits/pos0 -> logits axes=feature"], "position: expected {position}"),
    (["tensor logits/pos{position} -> logits"], "no statement is about it"),
    (["tensor */pos{position} -> logits"], "is in the array"),
  ])
  func wordsForWhatDoesNotFit(lines: [String], message: String) throws {
    try fixture.folder.write(ArrayFiles.safetensors(["logits/pos0", "again/pos0"]), as: "x.safetensors")
    try fixture.folder.write(Array(lines.joined(separator: "\n").utf8), as: "map")
    for command in [["a.trace", "x.safetensors"], ["inspect", "x.safetensors"]] {
      let result = try fixture.run(command + ["--map", "map"])
      let text = result.output + result.errors
      #expect(result.status == 2 && text.contains(message), "\(text)")
      #expect(["damaged", "lost"].allSatisfy { !text.contains($0) }, "\(text)")
    }
  }

  @Test(arguments: [("'<c8'", 8), ("'|O'", 5), ("'<U3'", 12), ("'<f1'", 1), ("[('a', '<f4'), ('b', '|O')]", 9)])
  func arraysOfOtherTypes(type: String, size: Int) throws {
    try fixture.folder.write(ArrayFiles.npy("'<f4'", "(1,)", [0, 0, 0, 0]), as: "ranks/x0.npy")
    try fixture.folder.write(ArrayFiles.npy(type, "()", [UInt8](repeating: 0, count: size)), as: "ranks/odd.npy")
    try write("tensor x{position} -> logits", "ignore odd", as: "map")
    #expect(try fixture.run("export", "ranks", "--map", "map", "-o", "out.npz").status == 0)
    try write("tensor x{position} -> logits", "tensor odd -> x.embed axes=position", as: "map")
    let refused = try fixture.run("export", "ranks", "--map", "map", "-o", "out.npz")
    #expect(refused.status == 2 && refused.errors.contains("array 'odd': elements of type "))
  }

  /// Files that are called as archives and are none, or are cut: the message says which format, and what is wrong.
  @Test(
    arguments: [
      ("x.npz", [], "it is no .npz file, as its name says: expected a zip archive"),
      ("x.npz", Array("hello, you".utf8), "which begins with 50 4b 03 04, found text"),
      ("x.npz", [0x50, 0x4B, 3, 4, 20, 0], "expected the end 50 4b 05 06 of a zip directory"),
      ("x.npy", [0x93, 0x4E], "it is no .npy file, as its name says: expected an array of numpy"),
      ("x.safetensors", [], "it is no .safetensors file, as its name says: expected 8 bytes that count those of"),
      ("x.safetensors", [9, 0, 0, 0], "found 09 00 00 00"),
      ("x.safetensors", [0, 0, 0, 0, 0, 0, 0, 9, 0x7B], "100000000 at most, and then '{'"),
      ("x.safetensors", [40, 0, 0, 0, 0, 0, 0, 0] + Array(#"{"a":"#.utf8), "the header needs 40 bytes, but only 5"),
      ("x.safetensors", Array(ArrayFiles.safetensors(["logits/pos0"]).dropLast()), "data_offsets of 'logits/pos0'"),
    ] as [(String, [UInt8], String)])
  func brokenArchives(name: String, bytes: [UInt8], message: String) throws {
    try fixture.folder.write(bytes, as: name)
    for command in [["a.trace", name], ["inspect", name], ["export", name, "-o", "out.npz"]] {
      let result = try fixture.run(command)
      #expect(result.status == 2 && result.errors.hasPrefix("tracediff: \(name): "), "\(result.errors)")
      #expect(result.errors.contains(message) && !result.errors.contains("not a trace"), "\(result.errors)")
    }
  }

  /// A trace is one whatever it is called.
  @Test func aTraceInDisguise() throws {
    try fixture.folder.write(try fixture.folder.read("a.trace"), as: "disguised.npz")
    #expect(try fixture.run("a.trace", "disguised.npz").status == 0)
  }

  @Test func halvesOfValues() throws {
    try write(
      "tensor v.proj/layer{layer}/pos{position} -> v.proj axes=feature rope=halves:2", "ignore *", as: "map")
    let result = try fixture.run("a.trace", "low/run.npz", "--map", "map")
    #expect(result.status == 2)
    #expect(
      result.errors
        == "tracediff: map: line 1: rope=halves: expected q.proj, k.proj, q.rope or k.rope, which alone have the order of "
        + "RoPE, found v.proj\n")
  }

  /// An export into the folder that it is made from would be a part of it the next time.
  @Test(arguments: [
    ("low", "low/out.npz", 2), ("low/", "./low/out.safetensors", 2), ("low", "low/deeper/out.npz", 2),
    ("low", "out.npz", 0), (".", "out.npz", 2), ("traces", "traces/out.npz", 2), ("traces", "traces/deeper/out.npz", 0),
  ])
  func exportsIntoTheirFolder(operand: String, output: String, status: Int32) throws {
    for name in ["low/deeper", "traces/deeper"] {
      let url = fixture.folder.url.appendingPathComponent(name)
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }
    try fixture.folder.write(try fixture.folder.read("a.trace"), as: "traces/a.trace")
    if operand == "." {
      for name in ["b", "near", "far", "short", "tokens", "cut"] {
        for suffix in ["trace", "trace.partial"] {
          try? FileManager.default.removeItem(atPath: fixture.folder.path("\(name).\(suffix)"))
        }
      }
    }
    let result = try fixture.run("export", operand, "-o", output)
    #expect(result.status == status, "\(result.errors)")
    #expect(result.errors.contains("would lie in the folder '\(operand)', which is read") == (status == 2))
    #expect(FileManager.default.fileExists(atPath: fixture.folder.path(output)) == (status == 0))
  }

  @Test func anEmptyArgument() throws {
    for command in [["a.trace", ""], ["", "a.trace"], ["inspect", ""], ["export", "", "-o", "out.npz"]] {
      let result = try fixture.run(command)
      let message = "expected the name of a file, found an empty argument; is a variable of the shell not set?"
      #expect(result.status == 2 && result.errors == "tracediff: \(message)\n", "\(command)")
    }
  }
}
