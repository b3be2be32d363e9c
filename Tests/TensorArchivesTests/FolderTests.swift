import Foundation
@testable import TensorArchives
import TestSupport
import Testing
import TraceComparison
import TraceFormat

@Suite struct FolderTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ bytes: [UInt8], as name: String) throws {
    let url = folder.url.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  private func names(_ paths: String...) throws -> [String] {
    try TensorArchive(paths: paths.map { $0.isEmpty ? folder.url.path : folder.path($0) }).arrays.map(\.name)
  }

  private func tensors(_ name: String) -> [UInt8] {
    Samples.safetensors(#"{"\#(name)":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, [0, 0, 0, 0])
  }

  @Test func foldersOfArrays() throws {
    try write(Samples.npy([1]), as: "q.rope/layer0/pos0.npy")
    try write(Samples.npy([2]), as: "logits/pos0.npy")
    try write([1], as: "notes.txt")
    try write([1], as: ".hidden.npy")
    #expect(try names("") == ["logits/pos0", "q.rope/layer0/pos0"])
    let trace = try ArrayTrace(TensorArchive(paths: [folder.url.path]))
    #expect(trace.recordCount == 2 && trace.problems.isEmpty && !trace.hasTokens)
    try write(Array(#"{"producer":"unzipped","tokens":[{"position":0,"id":7,"text":null}]}"#.utf8), as: "trace.json")
    let named = try ArrayTrace(TensorArchive(paths: [folder.url.path]))
    #expect(named.header.producer == "unzipped" && named.tokens == [0: TraceToken(id: 7)])
    try write(Array("{".utf8), as: "trace.json")
    let error = Samples.error { () throws(ArchiveError) in _ = try TensorArchive(paths: [folder.url.path]) }
    #expect(error?.file == folder.path("trace.json"))
  }

  @Test func namesInSeveralArchives() throws {
    try write(ZipSample([("a", Samples.npy([1]))]).bytes, as: "one.npz")
    try write(tensors("a"), as: "two.safetensors")
    try write(Samples.npy([1]), as: "three.npy")
    #expect(try names("one.npz") == ["a"])
    #expect(try names("two.safetensors") == ["a"])
    #expect(try names("three.npy") == ["three"])
    #expect(try names("one.npz", "two.safetensors", "three.npy") == ["one/a", "two/a", "three"])
    #expect(try names("") == ["one/a", "three", "two/a"])
    try write(tensors("b"), as: "sub/one.safetensors")
    let error = Samples.error { () throws(ArchiveError) in
      _ = try TensorArchive(paths: [folder.path("two.safetensors"), folder.path("two.safetensors")])
    }
    let path = folder.path("two.safetensors")
    #expect(error == ArchiveError(path, .array("\(path)/a"), .sameName(asInFile: path)))
  }

  /// A name tells nothing, the content does.
  @Test func content() throws {
    try write(ZipSample([("a", Samples.npy([1]))]).bytes, as: "x.npy")
    #expect(try names("x.npy") == ["a"])
    for (bytes, kind) in [
      (Samples.npy([1]), ArchiveKind.npy), (ZipSample().bytes, .npz), (tensors("a"), .safetensors),
      (Array("{}".utf8), nil), ([], nil), ([0x89, 0x4C, 0x32, 0x54, 0x52, 0x43, 0x0D, 0x0A, 1, 0, 0, 0], nil),
    ] as [([UInt8], ArchiveKind?)] {
      #expect(ArchiveKind(bytes.span.bytes) == kind)
    }
  }

  /// Parts of one trace, each an export of its own: the names in their own files count.
  @Test func exportsInParts() throws {
    let whole = SyntheticTrace(seed: 1)
    var (first, second) = (whole, whole)
    first.records = whole.records.filter { $0.key.layer == 0 }
    second.records = whole.records.filter { $0.key.layer != 0 }
    (first.header[integer: .lastLayer], second.header[integer: .firstLayer]) = (0, 1)
    second.header[integer: .part] = 1
    for (name, part) in [("a", first), ("b", second)] {
      let trace = try TraceFile(path: part.write(to: folder.path(name + ".trace")))
      _ = try TraceExport().write(trace, to: folder.path(name + ".npz"), .npz)
    }
    let trace = try ArrayTrace(TensorArchive(paths: [folder.path("a.npz"), folder.path("b.npz")]))
    #expect(trace.recordCount == whole.records.count && trace.problems.isEmpty)
    #expect(trace.tokens == whole.tokens)

    second.header[integer: .dim] = 9
    second.tokens[2] = TraceToken(id: 99)
    let other = try TraceFile(path: second.write(to: folder.path("c.trace")))
    _ = try TraceExport().write(other, to: folder.path("c.npz"), .npz)
    let paths = [folder.path("a.npz"), folder.path("c.npz")]
    let mixed = try ArrayTrace(TensorArchive(paths: paths))
    #expect(
      mixed.problems == [
        .partsDisagree(field: "dim", path: paths[0], value: "8", otherPath: paths[1], otherValue: "9"),
        .tokensDiffer(
          position: 2, more: 0, path: paths[0], token: try #require(whole.tokens[2]), otherPath: paths[1],
          otherToken: TraceToken(id: 99)),
      ])
  }

  /// A part that is missing is a problem of arrays as it is of traces.
  @Test func exportsOfSomeParts() throws {
    let whole = SyntheticTrace(seed: 1)
    for (number, name) in ["a", "b"].enumerated() {
      var part = whole
      part.records = whole.records.filter { ($0.key.layer == 0) == (number == 0) }
      (part.header[integer: .part], part.header[integer: .parts]) = (number, 3)
      let trace = try TraceFile(path: part.write(to: folder.path(name + ".trace")))
      _ = try TraceExport().write(trace, to: folder.path(name + ".npz"), .npz)
    }
    let trace = try ArrayTrace(TensorArchive(paths: [folder.path("a.npz"), folder.path("b.npz")]))
    #expect(trace.problems == [.partsMissing(numbers: [2], count: 3)])
  }

  @Test func filesThatAreMissing() {
    for path in ["/no/such/file.npy", "/no/such/folder"] {
      let error = Samples.error { () throws(ArchiveError) in _ = try TensorArchive(paths: [path]) }
      #expect(error?.fileError?.isMissing == true)
    }
  }

  @Test func tooManyFiles() throws {
    for name in ["a.npy", "b/c.npz", "d.safetensors"] { try write([], as: name) }
    #expect(try ArchiveFolder.files(in: folder.url.path, limit: 3) == ["a.npy", "b/c.npz", "d.safetensors"])
    let error = Samples.error { () throws(ArchiveError) in
      _ = try ArchiveFolder.files(in: folder.url.path, limit: 2)
    }
    #expect(
      error
        == ArchiveError(
          folder.url.path, .file,
          .invalid(
            "number of files", expected: "at most 2; stack arrays, or put them into one .npz", found: "3")))
  }

  @Test func loopsOfLinks() throws {
    try FileManager.default.createSymbolicLink(
      at: folder.url.appendingPathComponent("loop"), withDestinationURL: folder.url)
    let error = Samples.error { () throws(ArchiveError) in _ = try ArchiveFolder.files(in: folder.url.path) }
    guard case .invalid("folder", expected: "at most 32 levels", _) = error?.rule else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// Arrays that tell no tokens are compared all the same, and that they have none is no damage.
  @Test func arraysWithoutTokens() throws {
    let synthetic = SyntheticTrace(seed: 4)
    let arrays = synthetic.records.sorted { $0.key < $1.key }.map { key, record in
      (ExportName.name(of: key), Samples.npy("<f4", record.shape, record.bytes))
    }
    var expected = try TraceFile(path: synthetic.write(to: folder.path("a.trace")))
    var actual = try Samples.trace(ZipSample(arrays).bytes)
    #expect(!actual.hasTokens && actual.tokens.isEmpty)
    let verdict = Comparison(tolerance: .exact).compare(&expected, &actual)
    #expect(verdict.outcome == .identical && verdict.problems.isEmpty && verdict.tokensPart == nil)
    #expect(verdict.comparedRecords == synthetic.records.count)
  }
}
