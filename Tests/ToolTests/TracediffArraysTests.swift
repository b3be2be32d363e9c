import TestSupport
import Testing

/// Arrays with a mapping stand wherever a trace does, in every command that reads one.
@Suite struct TracediffArraysTests {
  let fixture: TracediffFixture

  /// The names of exports, said by hand.
  private static let lines = [
    "tensor {site}/layer{layer}/pos{position} -> {site}", "tensor {site}/pos{position} -> {site}", "tokens tokens",
    "ignore positions",
  ]

  init() throws {
    fixture = try TracediffFixture()
    for name in ["a", "b", "short"] {
      #expect(try fixture.run("export", "\(name).trace", "-o", "\(name).npz").status == 0)
    }
    try write(Self.lines, as: "map")
  }

  private func write(_ lines: [String], as name: String) throws {
    try fixture.folder.write(Array((lines.joined(separator: "\n") + "\n").utf8), as: name)
  }

  /// What a report says where names of files play no part.
  private func named(_ output: String) -> String { output.replacing(".npz", with: ".trace") }

  @Test(arguments: [["a.npz", "b.trace"], ["a.trace", "b.npz"], ["a.npz", "b.npz"]])
  func compare(files: [String]) throws {
    let traces = try fixture.run("a.trace", "b.trace")
    let arrays = try fixture.run(files + ["--map", "map"])
    #expect(traces.status == 1 && arrays.status == 1)
    #expect(arrays.output.hasPrefix("diverged: q.rope, layer 0, position 1 is the first tensor beyond tolerance"))
    #expect(named(arrays.output) == traces.output)
  }

  @Test(arguments: [["a.npz", "a.trace"], ["a.trace", "a.npz"], ["a.npz", "a.npz"]])
  func identical(files: [String]) throws {
    let result = try fixture.run(files + ["--map", "map", "--exact"])
    #expect(result.status == 0 && result.output.hasPrefix("identical: all 111 records have equal bytes"))
  }

  @Test(arguments: [["expected=map", "actual=other"], ["other", "expected=map"], ["map", "actual=other"]])
  func aMappingForEachSide(mappings: [String]) throws {
    // By this mapping q.rope and k.rope of the actual side are exchanged.
    let exchanged = ["q", "k"].flatMap { name in
      ["tensor \(name).rope/layer{layer}/pos{position} -> \(name == "q" ? "k" : "q").rope"]
    }
    try write(exchanged + Self.lines, as: "other")
    let options = mappings.flatMap { ["--map", $0] }
    let parted = try fixture.run(["a.npz", "a.npz"] + options)
    #expect(parted.status == 1 && parted.output.hasPrefix("diverged: q.rope, layer 0, position 0 is the first"))
    #expect(try fixture.run("a.npz", "a.npz", "--map", "other").status == 0)
  }

  @Test func inspect() throws {
    let place = ["--only", "q.rope", "--layer", "0", "--position", "1"]
    let trace = try fixture.run(["inspect", "b.trace"] + place)
    let arrays = try fixture.run(["inspect", "b.npz", "--map", "map"] + place)
    #expect(trace.status == 0 && arrays.status == 0)
    #expect(arrays.output.contains("q.rope") && named(arrays.output) == trace.output)
  }

  @Test func golden() throws {
    #expect(try fixture.run("golden", "record", "a.npz", "--map", "map", "-o", "arrays.golden").status == 0)
    #expect(try fixture.run("golden", "record", "a.trace", "-o", "a.golden").status == 0)
    #expect(try fixture.folder.read("arrays.golden").count > 0)
    for name in ["a.golden", "arrays.golden"] {
      #expect(try fixture.run("golden", "check", name, "a.npz", "--map", "map").status == 0)
      let moved = try fixture.run("golden", "check", name, "b.npz", "--map", "map")
      #expect(moved.status == 1 && moved.output.hasPrefix("diverged: q.rope, layer 0, position 1 is the first"))
    }
    let updated = try fixture.run("golden", "update", "a.golden", "b.npz", "--map", "map")
    #expect(updated.status == 0 && updated.output.hasPrefix("updated: "))
    #expect(try fixture.run("golden", "check", "a.golden", "b.trace", "--exact").status == 0)
  }

  @Test func export() throws {
    #expect(try fixture.run("export", "a.npz", "--map", "map", "-o", "again.npz").status == 0)
    #expect(try fixture.run("a.trace", "again.npz", "--exact").status == 0)
  }

  @Test func explain() throws {
    #expect(try BuiltProgram.run("llama2-synthesize", ["tiny", "-o", "m.bin"], cwd: fixture.folder.url).status == 0)
    let run = ["m.bin", "--tokens", "1,9,3", "-o", "run.trace"]
    #expect(try BuiltProgram.run("tracedump", run, cwd: fixture.folder.url).status == 0)
    #expect(try fixture.run("export", "run.trace", "-o", "run.npz").status == 0)
    let trace = try fixture.run("explain", "run.trace", "--model", "m.bin")
    let arrays = try fixture.run("explain", "run.npz", "--model", "m.bin", "--map", "map")
    #expect(trace.status == 0 && arrays.status == 0)
    #expect(trace.output.hasPrefix("rounding: ") && named(arrays.output) == trace.output)
    let wrong = ["run.npz", "--model", "m.bin", "--map", "wrong"]
    try write(["tensor hb.w1/layer{layer}/pos{position} -> hb2.w3", "ignore hb2.w3/*"] + Self.lines, as: "wrong")
    let fault = try fixture.run(["explain"] + wrong)
    #expect(fault.status == 1 && fault.output.hasPrefix("fault: hb2.w3, first at layer 0, position 0: "))
  }

  /// Pairing fails closed, whichever command reads the arrays.
  @Test(arguments: [
    (["tensor {site}/pos{position} -> {site}"], "no statement is about it"),
    (lines.dropLast(), "array 'positions': no statement is about it"),
    (lines + ["ignore nothing"], "'nothing' matches no array"),
    (["tensor k.rope/layer{layer}/pos{position} -> q.rope"] + lines, "in the array"),
    (["tenser x -> y"], "line 1: statement: expected tensor, tokens, ignore or set, found tenser"),
  ])
  func brokenMappings(lines: [String], message: String) throws {
    try write(lines, as: "broken")
    #expect(try fixture.run("golden", "record", "a.trace", "-o", "a.golden").status == 0)
    let commands = [
      ["a.trace", "a.npz"], ["a.npz", "a.trace"], ["a.trace", "a.npz", "--common"], ["inspect", "a.npz"],
      ["export", "a.npz", "-o", "out.npz"], ["golden", "check", "a.golden", "a.npz"],
      ["golden", "record", "a.npz", "-o", "out.golden"], ["golden", "update", "a.golden", "a.npz"],
    ]
    for command in commands {
      let result = try fixture.run(command + ["--map", "broken"])
      #expect(result.status == 2, "\(command)")
      #expect((result.output + result.errors).contains(message), "\(command): \(result.errors)")
    }
  }

  /// A mapping is read once, however often its arrays are; so it may come through a pipe.
  @Test(arguments: [
    "a.trace a.npz", "a.npz a.npz", "inspect a.npz", "golden record a.npz -o p.golden", "a.npz b.npz --all",
  ])
  func aMappingThroughAPipe(command: String) throws {
    let file = try fixture.shell("tracediff \(command) --map map")
    #expect(file.status == (command.contains("--all") ? 1 : 0))
    for way in ["tracediff \(command) --map -", "tracediff \(command) --map /dev/stdin"] {
      let piped = try fixture.shell("cat map | \(way)")
      #expect(piped.status == file.status && piped.output == file.output, "\(way): \(piped.errors)")
    }
    let named = try fixture.shell("mkfifo fifo; cat map >fifo & tracediff \(command) --map fifo")
    #expect(named.status == file.status && named.output == file.output, "\(named.errors)")
  }

  @Test func mappingsThatCannotBeRead() throws {
    let both = try fixture.shell("tracediff - a.npz --map - <map")
    #expect(
      both.status == 2
        && both.errors == "tracediff: option '--map': standard input cannot be both the mapping and a trace\n")
    let missing = try fixture.run("a.trace", "a.npz", "--map", "none")
    #expect(missing.status == 2 && missing.errors == "tracediff: none: cannot open: No such file or directory\n")
    let folder = try fixture.run("a.trace", "a.npz", "--map", ".")
    #expect(folder.status == 2 && folder.errors == "tracediff: .: cannot read: Is a directory\n")
    let endless = try fixture.run("a.trace", "a.npz", "--map", "/dev/zero")
    #expect(endless.status == 2 && endless.errors.contains("length of the mapping: expected at most 1048576 bytes"))
  }

  /// Arrays are read at any place.
  @Test(arguments: ["a.npz", "a.safetensors", "x.npy"])
  func arraysThroughAPipe(name: String) throws {
    #expect(try fixture.run("export", "a.trace", "-o", "a.safetensors").status == 0)
    try fixture.folder.write(ArrayFiles.npy("'<f4'", "(1,)", [0, 0, 0, 0]), as: "x.npy")
    let kind = name.drop { $0 != "." }
    for command in ["tracediff a.trace - --map map <\(name)", "tracediff - a.trace <\(name)"] {
      let result = try fixture.shell(command)
      #expect(result.status == 2)
      let expected = "arrays (it looks like \(kind)) cannot come through a pipe, since they are read at any place"
      #expect(command.contains("--map") || result.errors.contains(expected), "\(result.errors)")
      #expect(result.errors.hasSuffix(": write them to a file and give its name\n"), "\(result.errors)")
    }
  }

  @Test func missingRecords() throws {
    let result = try fixture.run("a.trace", "short.npz", "--map", "map")
    #expect(result.status == 2 && result.output.hasPrefix("incomparable: "))
    #expect(try fixture.run("a.trace", "short.npz", "--map", "map", "--common").status == 0)
  }
}
