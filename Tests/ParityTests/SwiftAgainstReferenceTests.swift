import Foundation
import Model
import Testing
import TestSupport
import TraceFormat
import VectorKernels

/// The Swift and the C program, run on the same input: the same text, and traces that differ in the producer field and
/// the header's checksum alone.
@Suite struct SwiftAgainstReferenceTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var model: TestModel
    var version: CheckpointVersion
    var arguments: [String]
    var testDescription: String { "\(model) v\(version.rawValue) \(arguments.joined(separator: " "))" }
  }

  static let cases: [Case] = TestModel.allCases.flatMap { model in
    [CheckpointVersion.legacy, .float32, .int8].flatMap { version in
      [
        ["-n", "20", "-i", "one two"],
        ["-n", "20", "-t", "0.8", "-p", "0.9", "-s", "42"],
        ["-n", "12", "-t", "1.1", "-p", "1", "-s", "-7", "-i", "Zo\u{EB}"],
        ["--precision", "f64", "-n", "10"],
        ["--tokens", "1,17,203,45,99,1,120", "--only", "q,*.rope,att.softmax,v", "--positions", "3..5"],
        ["--tokens", "7,8,9,10", "--layers", "0..0", "-n", "3"],
      ].map { Case(model: model, version: version, arguments: $0) }
    }
  }

  /// Every vector unit of this processor with one thread, two, and more than most sites can use.
  static let machines: [[String]] = VectorUnit.available.flatMap { unit in
    [1, 2, 5].map { ["--vectors", unit.name, "--threads", "\($0)"] }
  }

  /// Text and trace of the C program, and then those of the Swift program as it runs by default and on every machine.
  @Test(arguments: cases)
  func tracesAreIdentical(test: Case) throws {
    let folder = try TemporaryFolder()
    try folder.write(test.model.bytes(test.version), as: "model.bin")
    try folder.write(test.model.tokenizerBytes(), as: "tokenizer.bin")
    let runs = try Self.compare(["model.bin"] + test.arguments, [[]] + Self.machines, folder)
    #expect(runs == 1 + 3 * VectorUnit.available.count)
    let trace = try TraceFile(path: folder.path("c.trace"))
    let count = trace.recordCount
    #expect(count > 0)
  }

  /// Runs the C program, and the Swift program with each of the options.
  ///
  /// - Returns: how many runs of the Swift program were compared.
  private static func compare(
    _ arguments: [String], _ machines: [[String]], _ folder: TemporaryFolder
  ) throws -> Int {
    let reference = try BuiltProgram.run("llama2-reference", arguments + ["-o", "c.trace"], cwd: folder.url)
    try #require(reference.status == 0, "\(reference.errors)")
    let expected = comparable(try folder.read("c.trace"))
    var runs = 0
    for options in machines {
      let outcome = try BuiltProgram.run("tracedump", arguments + ["-o", "swift.trace"] + options, cwd: folder.url)
      try #require(outcome.status == 0, "\(options): \(outcome.errors)")
      #expect(outcome.standardOutput == reference.standardOutput, "the text differs with \(options)")
      let isSame = comparable(try folder.read("swift.trace")) == expected
      #expect(isSame, "the traces differ beyond producer and header checksum with \(options)")
      try FileManager.default.removeItem(atPath: folder.path("swift.trace"))
      runs += 1
    }
    return runs
  }

  /// A trace's bytes with the header's checksum and the producer blanked.
  private static func comparable(_ bytes: [UInt8]) -> Data {
    var bytes = Data(bytes)
    for field in [16..<24, 64..<128] { bytes.resetBytes(in: field) }
    return bytes
  }

  /// int8 models whose group size divides neither dim nor hidden_dim: groups of weights straddle rows, and the last
  /// values of every activation do not count. In the last shape not even one group fits into a row.
  @Test(arguments: [
    (sizes: ["--dim", "20", "--heads", "2", "--kv-heads", "1", "--hidden-dim", "28", "--vocab", "262"], group: 8),
    (sizes: ["--dim", "24", "--heads", "6", "--kv-heads", "3", "--hidden-dim", "20", "--vocab", "264"], group: 16),
    (sizes: ["--dim", "12", "--heads", "2", "--kv-heads", "2", "--hidden-dim", "24", "--vocab", "264"], group: 18),
  ])
  func groupsThatStraddleRows(sizes: [String], group: Int) throws {
    let folder = try TemporaryFolder()
    let made = try BuiltProgram.run(
      "llama2-synthesize",
      ["tiny", "--checkpoint-version", "2", "--group-size", "\(group)", "-o", "m.bin", "--tokenizer", "none"] + sizes,
      cwd: folder.url)
    #expect(made.status == 0, "\(made.errors)")
    for (program, name) in [("tracedump", "swift.trace"), ("llama2-reference", "c.trace")] {
      let outcome = try BuiltProgram.run(
        program, ["m.bin", "--tokens", "1,200,3,77,45,261", "-o", name], cwd: folder.url)
      #expect(outcome.status == 0, "\(program): \(outcome.errors)")
      #expect(outcome.errors.contains("warning: m.bin: "), "\(program) warns: \(outcome.errors)")
    }
    let (swift, reference) = (try folder.read("swift.trace"), try folder.read("c.trace"))
    let isSame = Self.comparable(swift) == Self.comparable(reference)
    #expect(isSame, "traces differ beyond producer and header checksum")
    let trace = try TraceFile(path: folder.path("swift.trace"))
    let dim = try #require(Int(sizes[1]))
    let values = try trace.withRecord(RecordKey(.attentionNormValues, layer: 1, position: 5)) { $0.elementCount }
    let scales = try trace.withRecord(RecordKey(.attentionNormScales, layer: 1, position: 5)) { $0.elementCount }
    #expect(values == dim)
    #expect(scales == dim / group)
  }

  /// Models whose sites are shared among threads.
  enum SharedModel: String, CaseIterable {
    /// Products of one position are shared too.
    case wideLayers
    /// Grouped heads; recording is shared too, since a row of logits has 128 kB.
    case wideVocabulary

    /// Arguments of llama2-synthesize.
    var sizes: [String] {
      switch self {
      case .wideLayers: ["15M", "--layers", "2", "--vocab", "400"]
      case .wideVocabulary: ["15M", "--layers", "1", "--dim", "96", "--hidden-dim", "256", "--kv-heads", "2"]
      }
    }
  }

  /// Blocks of positions and single ones, every number of threads and every vector unit: one trace, the reference's.
  @Test(
    arguments: SharedModel.allCases.flatMap { model in
      [("0", "f32"), ("2", "f32"), ("0", "f64")].map { (model: model, version: $0, precision: $1) }
    }, [["--tokens"], ["-n", "45", "-i"]])
  func threadsAndVectorsDoNotChangeABit(
    run: (model: SharedModel, version: String, precision: String), input: [String]
  ) throws {
    let folder = try TemporaryFolder()
    let made = try BuiltProgram.run(
      "llama2-synthesize", run.model.sizes + ["--checkpoint-version", run.version, "-o", "m.bin"], cwd: folder.url)
    try #require(made.status == 0, "\(made.errors)")
    // 41 positions: a block of 32, a part of one; the prompt goes on one by one.
    let tokens = sampleTokens(count: 41, vocabularySize: 400).map(String.init).joined(separator: ",")
    let known = input == ["--tokens"] ? tokens : "a prompt of some length, so that it fills a block of positions"
    let arguments = ["m.bin", "-z", "m.tokenizer.bin", "--precision", run.precision] + input + [known]
    let runs = try Self.compare(arguments, Self.machines, folder)
    #expect(runs == 3 * VectorUnit.available.count)
  }

  /// The program takes the units that this processor has and refuses the others.
  @Test(arguments: VectorUnit.all)
  func unitsAreTakenWhereTheyAre(unit: VectorUnit) throws {
    let folder = try TemporaryFolder()
    try folder.write(TestModel.grouped.bytes(.legacy), as: "model.bin")
    let outcome = try BuiltProgram.run(
      "tracedump", ["model.bin", "--tokens", "1,2", "-o", "own", "--vectors", unit.name], cwd: folder.url)
    #expect(outcome.status == (vector_unit_is_available(unit) ? 0 : 2), "\(unit.name): \(outcome.errors)")
  }

  /// NaN in a checkpoint: which of two NaN an operation passes on, and with which sign, depends on compilers and vector
  /// units, so both programs record one NaN, and the traces are the same to the bit all the same.
  @Test(arguments: ["f32", "f64"], [Float.nan, -Float.nan, Float(bitPattern: 0xFFFF_FFFF), .infinity])
  func numbersThatAreNone(precision: String, value: Float) throws {
    let folder = try TemporaryFolder()
    let made = try BuiltProgram.run(
      "llama2-synthesize", ["15M", "--layers", "2", "--vocab", "400", "-o", "m.bin"], cwd: folder.url)
    #expect(made.status == 0)
    // Version 0: seven integers, the embedding, two norms of attention, wq, wk and wv; then a weight of wo.
    let place = 28 + 4 * (400 * 288 + 2 * 288 + 3 * 2 * 288 * 288 + 1000)
    var bytes = try folder.read("m.bin")
    bytes.replaceSubrange(place..<(place + 4), with: littleEndianBytes(value.bitPattern))
    _ = try folder.write(bytes, as: "m.bin")
    let tokens = sampleTokens(count: 41, vocabularySize: 400).map(String.init).joined(separator: ",")
    // Positions in blocks, and one by one.
    for input in [["--tokens", tokens], ["-z", "m.tokenizer.bin", "-n", "41", "-i", "one"]] {
      let units = VectorUnit.available.map { ["--vectors", $0.name] }
      let runs = try Self.compare(["m.bin", "--precision", precision] + input, units, folder)
      #expect(runs == units.count)
      let trace = try TraceFile(path: folder.path("c.trace"))
      let isNumber = try trace.withRecord(RecordKey(.logits, layer: nil, position: 40)) { record in
        (0..<record.elementCount).allSatisfy { record.element($0).isFinite }
      }
      #expect(isNumber == false)
    }
  }

  @Test func siteTablesAgree() throws {
    let swift = try BuiltProgram.run("tracedump", ["--list-sites"])
    let reference = try BuiltProgram.run("llama2-reference", ["--list-sites"])
    #expect(swift.status == 0)
    #expect(swift.standardOutput.count > 500)
    #expect(swift.output == reference.output)
  }

  /// Both programs refuse the same things, with one line and status 2, and write nothing.
  @Test(arguments: [
    ["model.bin", "-n", "-1"], ["model.bin", "-n", "9999"], ["model.bin", "-t", "-1"], ["model.bin", "-t", "nan"],
    ["model.bin", "-p", "1.5"], ["model.bin", "-s", "0"], ["model.bin", "-s", "4294967296"], ["model.bin", "-n", "3x"],
    ["model.bin", "--only", "nosuch"], ["model.bin", "--layers", "9"], ["model.bin", "--layers", "2..1"],
    ["model.bin", "--positions", "999"], ["model.bin", "--only", "logits", "--layers", "0"], ["model.bin", "--bogus"],
    ["model.bin", "--tokens", "1,99999"], ["model.bin", "--tokens", "1,,2"], ["model.bin", "-z", "missing.bin"],
    ["model.bin", "extra"], ["missing.bin"], ["."], [], ["model.bin", "--precision", "f16"], ["model.bin", "-o"],
    ["model.bin", "-o", "x", "--no-trace"], ["tokenizer.bin"], ["model.bin", "-o", "."],
  ])
  func badInputIsRefusedAlike(arguments: [String]) throws {
    let folder = try TemporaryFolder()
    try folder.write(TestModel.grouped.bytes(.legacy), as: "model.bin")
    try folder.write(TestModel.grouped.tokenizerBytes(), as: "tokenizer.bin")
    for program in ["tracedump", "llama2-reference"] {
      let outcome = try BuiltProgram.run(program, arguments, cwd: folder.url)
      #expect(outcome.status == 2, "\(program)")
      #expect(outcome.standardOutput.isEmpty, "\(program)")
      #expect(outcome.errors.hasPrefix("\(program): "), "\(outcome.errors)")
      #expect(outcome.errors.filter { $0 == "\n" }.count == 1, "\(outcome.errors)")
    }
    #expect(throws: (any Error).self) { try folder.read("model.trace") }
  }
}
