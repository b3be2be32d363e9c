#if os(Linux)
  import Foundation
  import TestSupport
  import Testing
  import TraceFormat

  /// A run of ten times the length needs no more anonymous memory than the model's own cache and the index: the
  /// programs hold neither the trace they write nor those they read.
  ///
  /// Anonymous memory is what a process itself holds, mapped files apart; Linux shows it in `/proc`.
  @Suite(.serialized) struct MemoryTests {
    static let short = 120
    static let long = 1200
    /// Bytes of allocator and runtime that may differ between two runs of one program.
    static let slack = 2_000_000

    static let model = Result { try makeModel() }

    static func makeModel() throws -> TemporaryFolder {
      let folder = try TemporaryFolder()
      let outcome = try BuiltProgram.run(
        "llama2-synthesize", ["tiny", "--seq-len", "\(long)", "-o", "model.bin"], cwd: folder.url)
      #expect(outcome.status == 0, "\(outcome.errors)")
      for positions in [short, long] {
        let tokens = sampleTokens(count: positions, vocabularySize: 320).map(String.init).joined(separator: ",")
        for name in ["a", "b"] {
          // The second differs in its seeded bits from the first, so that no comparison can stop at equal bytes.
          let precision = name == "a" ? "f32" : "f64"
          let outcome = try BuiltProgram.run(
            "tracedump",
            ["model.bin", "--tokens", tokens, "--precision", precision, "-o", "\(name)\(positions).trace"],
            cwd: folder.url)
          #expect(outcome.status == 0, "\(outcome.errors)")
        }
      }
      return folder
    }

    @Test(arguments: ["tracedump", "llama2-reference"])
    func writing(program: String) throws {
      let folder = try Self.model.get()
      let peaks = try [Self.short, Self.long].map { positions in
        let tokens = sampleTokens(count: positions, vocabularySize: 320).map(String.init).joined(separator: ",")
        return try BuiltProgram(program).peakAnonymousMemory(
          ["model.bin", "--tokens", tokens, "-o", "out.trace"], cwd: folder.url)
      }
      // The cache of keys and values of 3 layers with 2 heads of 8 elements. The buffer of attention of a block of 32
      // positions and 6 heads, and the attention of 3 layers, scores and weights, in the two blocks of the trace that
      // are in memory; a block takes half as much more than it needs, so that it seldom has to grow.
      let cache = 3 * 2 * 16
      let block = 32 * (6 + 2 * (3 * 2 * 6) * 3 / 2)
      let modelGrowth = (Self.long - Self.short) * (cache + block) * 4
      try expectBounded(peaks, growth: modelGrowth + 64 * recordGrowth(folder), folder)
    }

    @Test(arguments: [["a", "b"], ["a", "a"]])
    func comparing(names: [String]) throws {
      let folder = try Self.model.get()
      let peaks = try [Self.short, Self.long].map { positions in
        try BuiltProgram("tracediff").peakAnonymousMemory(names.map { "\($0)\(positions).trace" }, cwd: folder.url)
      }
      // The order of execution of each file; the tokens fit into the slack.
      try expectBounded(peaks, growth: 2 * 4 * recordGrowth(folder), folder)
    }

    @Test(arguments: [[], ["--expected", "b"]])
    func explaining(expected: [String]) throws {
      let folder = try Self.model.get()
      let peaks = try [Self.short, Self.long].map { positions in
        let more = expected.map { $0 == "b" ? "b\(positions).trace" : $0 }
        return try BuiltProgram("tracediff").peakAnonymousMemory(
          ["explain", "a\(positions).trace", "--model", "model.bin"] + more, cwd: folder.url)
      }
      // One layer's keys and values of all positions in float64, 2 heads of 8; what is known of the cached rows of 3
      // layers; of a block of 64 positions, 6 heads: the sums of attention (products, magnitudes and sizes), and scores
      // and weights as recorded, as replayed and with their bounds. A block's share stops growing with the context at
      // 64 MB.
      let rows = 2 * 16 * 8 + 3 * 2 * 24
      let block = 64 * 6 * (3 + 2 * 3) * 8
      try expectBounded(
        peaks, growth: (Self.long - Self.short) * (rows + block) + 2 * 4 * recordGrowth(folder), folder, factor: 3)
    }

    /// A trace that comes through a pipe while it is made: beside the other trace's index, 4 bytes per record, no more
    /// is held than the tokens.
    @Test func comparingLive() throws {
      let folder = try Self.model.get()
      let peaks = try [Self.short, Self.long].map { positions in
        let tokens = sampleTokens(count: positions, vocabularySize: 320).map(String.init).joined(separator: ",")
        let (writer, pipe) = (Process(), Pipe())
        writer.executableURL = try BuiltProgram("tracedump").url
        writer.arguments = ["model.bin", "--tokens", tokens, "-o", "-"]
        writer.currentDirectoryURL = folder.url
        writer.standardOutput = pipe
        writer.standardError = FileHandle.nullDevice
        try writer.run()
        defer { writer.waitUntilExit() }
        return try BuiltProgram("tracediff").peakAnonymousMemory(
          ["b\(positions).trace", "-"], cwd: folder.url, standardInput: pipe)
      }
      try expectBounded(peaks, growth: 4 * recordGrowth(folder), folder)
    }

    /// A record that claims 8 GB takes what has come of it, with as much again while the memory grows.
    @Test func aRecordThatIsLongerThanItsStream() throws {
      let folder = try Self.model.get()
      var trace = SyntheticTrace(emptyFrom: "long 1")
      trace.tokens = [0: TraceToken(id: 1)]
      trace.records = [RecordKey(.embedding, layer: nil, position: 0): SyntheticTrace.Record([1, 2] as [Float])]
      try trace.write(to: folder.path("long.trace"))
      var start = try folder.read("long.trace")
      let record = try TraceFile(path: folder.path("long.trace")).entry(at: 0).offset
      start.removeLast(start.count - record - 64)
      let extent = UInt32(1) << 31
      start.replaceSubrange((record + 24)..<(record + 32), with: littleEndianBytes(UInt64(extent) * 4))
      start.replaceSubrange((record + 32)..<(record + 36), with: littleEndianBytes(extent))
      let peaks = try [0, 24 << 20].map { byteCount in
        let pipe = Pipe()
        signal(SIGPIPE, SIG_IGN)
        let bytes = Data(start) + Data(count: byteCount)
        DispatchQueue.global().async {
          try? pipe.fileHandleForWriting.write(contentsOf: bytes)
          // Whoever watches needs a moment to look.
          usleep(200_000)
          try? pipe.fileHandleForWriting.close()
        }
        return try BuiltProgram("tracediff").peakAnonymousMemory(
          ["a\(Self.short).trace", "-"], cwd: folder.url, standardInput: pipe)
      }
      #expect(peaks.allSatisfy { $0 > 0 })
      #expect(peaks[0] < 16 << 20, "peaks \(peaks)")
      #expect(peaks[1] - peaks[0] > 16 << 20, "what has come is held: peaks \(peaks)")
      #expect(peaks[1] - peaks[0] <= 2 * (24 << 20) + Self.slack, "peaks \(peaks)")
    }

    @Test func inspecting() throws {
      let folder = try Self.model.get()
      let peaks = try [Self.short, Self.long].map {
        try BuiltProgram("tracediff").peakAnonymousMemory(["inspect", "a\($0).trace"], cwd: folder.url)
      }
      try expectBounded(peaks, growth: 64 * recordGrowth(folder), folder)
    }

    private func recordGrowth(_ folder: TemporaryFolder) throws -> Int {
      try TraceFile(path: folder.path("a\(Self.long).trace")).recordCount
        - TraceFile(path: folder.path("a\(Self.short).trace")).recordCount
    }

    private func expectBounded(_ peaks: [Int], growth: Int, _ folder: TemporaryFolder, factor: Int = 4) throws {
      let bytes = try TraceFile(path: folder.path("a\(Self.long).trace")).byteCount
      // A program that held the trace would need several times what is allowed, so this check can fail.
      #expect(bytes > factor * (growth + Self.slack))
      #expect(peaks.allSatisfy { $0 > 0 })
      #expect(peaks[1] - peaks[0] <= growth + Self.slack, "peaks \(peaks), allowed growth \(growth)")
    }
  }
#endif
