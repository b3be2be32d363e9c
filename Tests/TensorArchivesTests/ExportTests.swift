import Foundation
import JSONText
@testable import TensorArchives
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct ExportTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A trace with every type of record, names and texts of all kinds.
  private func sample() -> SyntheticTrace {
    var trace = SyntheticTrace(seed: 3)
    trace.tokens[1]?.text = [0xFF, 0x00, 0x22]
    trace.tokens[2]?.text = nil
    trace.header[text: .prompt] = "a \"b\"\\\n\u{1}é😀"
    trace.header.fields["raw"] = .text([0xC3, 0x28])
    trace.header.fields["nothing"] = .text([])
    trace.header.fields["large"] = .integer(.min)
    trace.header.fields["whole"] = .real(3)
    trace.header.fields["tiny"] = .real(.leastNonzeroMagnitude)
    trace.header.fields["zero"] = .real(-0.0)
    trace.header.fields["above"] = .real(.infinity)
    func add(_ name: String, _ layer: Int?, _ type: ElementType, _ shape: [Int]) {
      let count = shape.reduce(type.size, *)
      trace.records[RecordKey(TensorName(name), layer: layer, position: 1)] = SyntheticTrace.Record(
        type: type, shape: shape, bytes: (0..<count).map { UInt8(truncatingIfNeeded: 37 * $0) })
    }
    add("half", 0, .float16, [3])
    add("brain", 1, .bfloat16, [2, 1, 3])
    add("bytes", nil, .int8, [5])
    add("double", 1, .float64, [1, 1, 1, 2])
    add("empty", nil, .float32, [0, 7])
    add("scalar", nil, .float32, [])
    for name in ["../up", "a/b", "a/layer1", "100%", "back\\slash", ".", "quote\"'", "pos1", "layer1/pos2"] {
      add(name, nil, .float32, [1])
    }
    return trace
  }

  private func write(_ trace: SyntheticTrace, _ name: String = "a.trace") throws -> TraceFile {
    try TraceFile(path: trace.write(to: folder.path(name)))
  }

  private func compare<Actual: TensorSource & ~Copyable>(
    _ expected: consuming TraceFile, _ actual: consuming Actual
  ) -> Verdict {
    Comparison(tolerance: .exact).compare(&expected, &actual)
  }

  @Test(arguments: [ExportFormat.npz, .safetensors])
  func whatIsExportedIsIdentical(format: ExportFormat) throws {
    let trace = try write(sample())
    let path = folder.path("a" + format.rawValue)
    let outcome = try TraceExport().write(trace, to: path, format)
    #expect(outcome.recordCount == trace.recordCount)
    #expect(outcome.byteCount == (try folder.read("a" + format.rawValue)).count)
    let arrays = try ArrayTrace(TensorArchive(paths: [path]))
    #expect(arrays.problems == [] && arrays.header == trace.header && arrays.tokens == trace.tokens && arrays.hasTokens)
    for place in 0..<trace.recordCount { #expect(arrays.key(at: place) == trace.key(at: place)) }
    for place in 0..<trace.recordCount {
      let key = trace.key(at: place)
      let expected = try trace.withRecord(key) {
        ($0.elementType, $0.shape, $0.payload.byteArray(0..<$0.payload.byteCount))
      }
      let found = try arrays.withRecord(key) {
        ($0.elementType, $0.shape, $0.payload.byteArray(0..<$0.payload.byteCount))
      }
      #expect(try #require(expected) == #require(found), "\(key)")
    }
    let verdict = compare(trace, arrays)
    #expect(verdict.outcome == .identical && verdict.problems.isEmpty)
    #expect(verdict.comparedRecords == outcome.recordCount)
  }

  /// A change of one bit in the export is seen: the comparison above can fail.
  @Test(arguments: [ExportFormat.npz, .safetensors])
  func aChangedExportIsNot(format: ExportFormat) throws {
    let trace = try write(sample())
    let name = "a" + format.rawValue
    _ = try TraceExport().write(trace, to: folder.path(name), format)
    var bytes = try folder.read(name)
    let values = try trace.withRecord(RecordKey(.logits, layer: nil, position: 2)) { record in
      record.payload.byteArray(0..<16)
    }
    let wanted = Data(try #require(values))
    let place = try #require(Data(bytes).firstRange(of: wanted)).lowerBound
    bytes[place] ^= 1
    try folder.write(bytes, as: name)
    let verdict = compare(trace, try ArrayTrace(TensorArchive(paths: [folder.path(name)])))
    #expect(verdict.outcome == (format == .npz ? .incomparable : .diverged))
    #expect(verdict.problems.count == (format == .npz ? 1 : 0))
  }

  @Test(arguments: [ExportFormat.npz, .safetensors])
  func theSameTraceGivesTheSameBytes(format: ExportFormat) throws {
    let trace = try write(sample())
    _ = try TraceExport().write(trace, to: folder.path("a"), format)
    let arrays = try ArrayTrace(TensorArchive(paths: [folder.path("a")]))
    _ = try TraceExport().write(arrays, to: folder.path("b"), format)
    #expect(try folder.read("a") == folder.read("b"))
  }

  /// With every number above a few bytes in a field of 64 bits.
  @Test(arguments: [0, 1, 150, 1000] as [UInt64])
  func archivesOf64Bits(limit: UInt64) throws {
    let trace = try write(sample())
    _ = try TraceExport(filter: RecordFilter(), wideLimit: limit).write(trace, to: folder.path("a.npz"), .npz)
    let arrays = try ArrayTrace(TensorArchive(paths: [folder.path("a.npz")]))
    #expect(compare(trace, arrays).outcome == .identical)
  }

  /// Elements begin at multiples of 64 bytes in the file, or as the format allows at their own size, and are lent in
  /// place.
  @Test(arguments: [(ExportFormat.npz, 64), (.safetensors, 1)])
  func alignment(format: ExportFormat, alignment: Int) throws {
    let trace = try write(sample())
    _ = try TraceExport().write(trace, to: folder.path("a"), format)
    let arrays = try TensorArchive(paths: [folder.path("a")]).arrays
    #expect(arrays.count > trace.recordCount)
    for array in arrays {
      #expect(array.elements.lowerBound % max(alignment, try array.layout.get().type.size) == 0, "\(array.name)")
    }
  }

  @Test func selections() throws {
    let trace = try write(SyntheticTrace(seed: 3, layers: 3, positions: 4))
    func export(_ filter: RecordFilter) throws -> ArrayTrace {
      _ = try TraceExport(filter: filter).write(trace, to: folder.path("a.npz"), .npz)
      return try ArrayTrace(TensorArchive(paths: [folder.path("a.npz")]))
    }
    let names = try export(RecordFilter(names: [NamePattern("logits"), NamePattern("q")]))
    #expect(names.recordCount == 4 * (1 + 2 * 3))
    #expect(names.header[text: .sites] == "q.proj,q.rope,logits")
    let layers = try export(RecordFilter(layers: IndexRange(first: 1, last: 1)))
    #expect(layers.recordCount == 4 * 17)
    #expect(layers.header[integer: .firstLayer] == 1 && layers.header[integer: .lastLayer] == 1)
    // What attention reads of earlier positions stays.
    let positions = try export(RecordFilter(positions: IndexRange(first: 2)))
    #expect(positions.recordCount == 2 * (3 + 3 * 17) + 2 * 2 * 3)
    #expect(positions.header[integer: .firstPosition] == 2 && positions.header[integer: .lastPosition] == nil)
    let holdsCache = positions.contains(RecordKey(.keyRotation, layer: 0, position: 0))
    #expect(holdsCache)
    #expect(positions.tokens.count == 4)
    // Left out is not lost.
    var expected = try TraceFile(path: folder.path("a.trace"))
    var actual = positions
    let verdict = Comparison(tolerance: .exact).compare(&expected, &actual)
    #expect(verdict.unmatched.actual.reasons.isEmpty)
    let reasons = verdict.unmatched.expected.reasons
    #expect(!reasons.isEmpty && reasons.keys.allSatisfy { $0 != .lost })
  }

  @Test(arguments: [ExportFormat.npz, .safetensors])
  func damagedRecordsAreNotExported(format: ExportFormat) throws {
    _ = try write(SyntheticTrace(seed: 3))
    var bytes = try folder.read("a.trace")
    let place = try #require(Data(bytes).firstRange(of: Data("logits".utf8))).lowerBound
    bytes[place + 16] ^= 1
    let trace = try TraceFile(path: folder.write(bytes, as: "b.trace"))
    let path = folder.path("b" + format.rawValue)
    let error = try #require(
      Samples.error { () throws(ArchiveError) in _ = try TraceExport().write(trace, to: path, format) })
    guard case .unreadable(RecordKey(.logits, layer: nil, position: 0), let reason) = error.rule else {
      Issue.record("\(error)")
      return
    }
    #expect(reason.contains("damaged") && error.file == path)
    #expect(!FileManager.default.fileExists(atPath: path) && !FileManager.default.fileExists(atPath: path + ".partial"))
  }

  @Test func headersThatAreTooLong() throws {
    let trace = try write(SyntheticTrace(seed: 3))
    let path = folder.path("a.safetensors")
    let export = TraceExport(filter: RecordFilter(), wideLimit: .max, headerLimit: 1000)
    let error = Samples.error { () throws(ArchiveError) in _ = try export.write(trace, to: path, .safetensors) }
    guard case .invalid("header", expected: "at most 1000 bytes; export fewer records, or to .npz", _) = error?.rule
    else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func filesThatCannotBeWritten() throws {
    let trace = try write(SyntheticTrace(seed: 3))
    for format in ExportFormat.allCases {
      let error = Samples.error { () throws(ArchiveError) in
        _ = try TraceExport().write(trace, to: "/no/such/folder/a", format)
      }
      #expect(error?.fileError?.isMissing == true)
    }
  }

  // MARK: - Reading exports

  /// Metadata that is none, and what is expected.
  @Test(arguments: [
    ("[]", "'{'"), (#"{"fields":{},"tokens":[]}"#, "a producer"),
    (#"{"producer":""}"#, "1 to 64 bytes, none of them zero"),
    (#"{"producer":"p","more":1}"#, "producer, fields or tokens"), (#"{"producer":"p"} 1"#, "nothing more"),
    (#"{"producer":"p","fields":{"Dim":1}}"#, "1 to 64 of the characters a-z, 0-9 and _"),
    (#"{"producer":"p","fields":{"producer":1}}"#, "1 to 64 of the characters a-z, 0-9 and _"),
    (#"{"producer":"p","fields":{"dim":1.0}}"#, "another type"),
    (#"{"producer":"p","fields":{"dim":"1"}}"#, "another type"),
    (#"{"producer":"p","fields":{"x":9223372036854775808}}"#, "one that fits into 64 bits"),
    (#"{"producer":"p","fields":{"x":1e999}}"#, "one that fits into 64 bits"),
    (#"{"producer":"p","fields":{"x":true}}"#, "a digit"),
    (#"{"producer":"p","fields":{"x":{"hex":"0"}}}"#, "hex with pairs of digits, or bits with 16"),
    (#"{"producer":"p","fields":{"x":{"hex":"0g"}}}"#, "hex with pairs of digits, or bits with 16"),
    (#"{"producer":"p","fields":{"x":{"bits":"00"}}}"#, "hex with pairs of digits, or bits with 16"),
    (#"{"producer":"p","fields":{"x":{"octal":"00"}}}"#, "hex with pairs of digits, or bits with 16"),
    (#"{"producer":"p","fields":{"x":{}}}"#, "hex with pairs of digits, or bits with 16"),
    (#"{"producer":"p","tokens":[{"position":0}]}"#, "position and id from 0 to 2^31 - 1"),
    (#"{"producer":"p","tokens":[{"position":0,"id":-1}]}"#, "position and id from 0 to 2^31 - 1"),
    (#"{"producer":"p","tokens":[{"position":2147483648,"id":1}]}"#, "position and id from 0 to 2^31 - 1"),
    (#"{"producer":"p","tokens":[{"position":0,"id":1,"text":5}]}"#, "a string"),
    (#"{"producer":"p","tokens":[{"position":0,"id":1,"text":nil}]}"#, "a digit"),
    (#"{"producer":"p","tokens":[{"place":0}]}"#, "position, id or text"), (#"{"producer":"p","tokens":[1]}"#, "'{'"),
  ])
  func badMetadata(text: String, expected: String) throws {
    let zip = ZipSample(ZipSample.Member("trace.json", Array(text.utf8))).bytes
    let error = try #require(Samples.openingError(zip))
    guard case .invalid(_, expected, _) = error.rule else {
      Issue.record("\(error)")
      return
    }
    let tensors = Samples.safetensors("{\"__metadata__\":{\"trace\":\(JSONValue.string(text).text)}}")
    #expect(Samples.openingError(tensors)?.rule == error.rule)
  }

  @Test func metadataThatIsDamagedOrRepeatsItself() {
    var member = ZipSample.Member("trace.json", Array(#"{"producer":"p"}"#.utf8))
    let checksum = UInt32(member.checksum)
    member.checksum ^= 4
    #expect(
      Samples.openingError(ZipSample(member).bytes)
        == ArchiveError(
          "arrays", .offset(40), .wrongChecksum("trace.json", expected: checksum ^ 4, found: checksum)))
    let twice = #"{"producer":"p","tokens":[{"position":3,"id":1},{"position":3,"id":1}]}"#
    #expect(
      Samples.openingError(ZipSample(ZipSample.Member("trace.json", Array(twice.utf8))).bytes)?.rule
        == .invalid("token", expected: "every position once", found: "position 3 again"))
  }

  @Test func tokensWithoutMetadata() throws {
    func zip(_ arrays: (String, [Int64])...) -> [UInt8] {
      ZipSample(
        [("logits/pos0", Samples.npy([1]))]
          + arrays.map { ($0.0, Samples.npy("<i8", [$0.1.count], Samples.bytes($0.1))) }
      ).bytes
    }
    #expect(try Samples.trace(zip(("tokens", [5, 6]))).tokens == [0: TraceToken(id: 5), 1: TraceToken(id: 6)])
    let trace = try Samples.trace(zip(("tokens", [5, 6]), ("positions", [3, 4])))
    #expect(trace.tokens == [3: TraceToken(id: 5), 4: TraceToken(id: 6)] && trace.hasTokens)
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try Samples.trace(zip(("tokens", [5]), ("positions", [3, 4]))) }?
        .rule
        == .invalid("tokens", expected: "as many as positions, 2", found: "1"))
    #expect(try Samples.trace(zip()).hasTokens == false)
    #expect(
      try Samples.trace(zip(("tokens", [5, 6]), ("positions", [0, 0]))).problems == [
        .unclear(ArchiveError("arrays", .array("tokens"), .tokenRepeated(position: 0, ids: [5, 6])).description)
      ])
  }

  @Test func namesThatAreNotOurs() throws {
    let names = [
      "logits/pos0", "logits/pos", "logits/pos1x", "/pos1", "logits/layer/pos1", "a/b/c/pos1", "a%zz/pos1", "a b/pos1",
      "logits",
      "x/layer2147483647/pos0", "logits/pos2147483648",
    ]
    let trace = try Samples.trace(ZipSample(names.map { ($0, Samples.npy([1])) }).bytes)
    #expect(trace.recordCount == 1 && trace.problems.count == names.count - 1)
    #expect(
      trace.problems.last
        == .unclear(
          ArchiveError(
            "arrays", .array("logits/pos2147483648"),
            .unmapped(
              shape: "float32 1",
              remedy:
                "arrays are called SITE/layerL/posP or SITE/posP, unless a mapping says what they are (--map FILE)")
          ).description))
  }

  /// Two bytes of nothing known are bfloat16 in an export of ours alone.
  @Test func bfloat16WithoutMetadata() {
    let bytes = ZipSample([("logits/pos0", Samples.npy("|V2", [1], [0, 0]))]).bytes
    #expect(
      Samples.error { () throws(ArchiveError) in _ = try Samples.trace(bytes) }?.rule
        == .unsupportedType("V2", remedy: "where it is bfloat16, say dtype=bfloat16 in the mapping"))
  }
}
