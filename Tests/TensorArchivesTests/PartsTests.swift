import Foundation
@testable import TensorArchives
import TestSupport
import Testing
import TraceComparison
import TraceFormat

/// Arrays in several files are parts of one trace, by the rules of traces in several parts.
@Suite struct PartsTests {
  let folder: TemporaryFolder
  let whole = SyntheticTrace(seed: 5, layers: 2, positions: 4)

  init() throws {
    folder = try TemporaryFolder()
    let trace = try TraceFile(path: whole.write(to: folder.path("whole.trace")))
    for (name, positions) in [("low", IndexRange(first: 0, last: 1)), ("high", IndexRange(first: 2, last: 3))] {
      for format in ExportFormat.allCases {
        _ = try TraceExport(filter: RecordFilter(positions: positions)).write(
          trace, to: folder.path(name + format.rawValue), format)
      }
    }
  }

  private func write(_ bytes: [UInt8], as name: String) throws -> String {
    let url = folder.url.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
    return url.path
  }

  private func trace(_ names: String..., mapping lines: String...) throws -> ArrayTrace {
    let archive = try TensorArchive(paths: names.map { folder.path($0) })
    let text = Array(lines.joined(separator: "\n").utf8)
    return try ArrayTrace(archive, mapping: lines.isEmpty ? nil : ArrayMapping(text, file: "map"))
  }

  /// The second range of positions repeats what the cache holds of the first, as the trace file of such a run does.
  @Test(arguments: [["low.npz", "high.npz"], ["high.npz", "low.npz"], ["low.safetensors", "high.npz"]])
  func rangesOfPositions(names: [String]) throws {
    let arrays = try trace(names[0], names[1])
    #expect(arrays.problems == [] && arrays.tokens == whole.tokens)
    // k.rope and v.proj of two positions and two layers.
    #expect(arrays.copyCount == 8 && arrays.recordCount == whole.records.count)
    #expect(arrays.header[integer: .firstPosition] == 0 && arrays.header[integer: .lastPosition] == 3)
    var expected = try TraceFile(path: folder.path("whole.trace"))
    var actual = arrays
    #expect(Comparison(tolerance: .exact).compare(&expected, &actual).outcome == .identical)
  }

  /// What trace files in the same parts say together, arrays say too.
  @Test func theHeaderIsThatOfTraces() throws {
    for (name, positions) in [("low", 0...1), ("high", 2...3)] {
      var part = whole
      part.records = whole.records.filter {
        positions.contains($0.key.position) || ($0.key.position < positions.lowerBound && isCached($0.key))
      }
      part.header[integer: .firstPosition] = positions.lowerBound
      part.header[integer: .lastPosition] = positions.upperBound
      try part.write(to: folder.path(name + ".trace"))
    }
    let parts = try TraceParts(paths: [folder.path("low.trace"), folder.path("high.trace")])
    let arrays = try trace("low.npz", "high.npz")
    #expect(arrays.header == parts.header && arrays.copyCount == parts.copyCount && parts.copyCount > 0)
  }

  private func isCached(_ key: RecordKey) -> Bool { ["k.rope", "v.proj"].contains(key.name.text) }

  /// A file that says nothing of what it was to hold may lack anything: of the whole no range is known.
  @Test func aFileThatSaysNothing() throws {
    let bare = ZipSample([("mine/pos9", Samples.npy([1]))]).bytes
    _ = try write(bare, as: "bare.npz")
    let arrays = try trace("low.npz", "bare.npz")
    #expect(arrays.header[integer: .firstPosition] == nil && arrays.header[integer: .lastPosition] == nil)
    #expect(arrays.header.producer == "\(whole.header.producer), arrays")
    #expect(arrays.header[integer: .dim] == whole.header[integer: .dim])
  }

  /// Any bit counts, the sign of zero too.
  @Test(arguments: [(11, 1), (3, 0x80), (8, 1)] as [(Int, UInt8)])
  func copiesThatDiffer(place: Int, bits: UInt8) throws {
    let zeros = [UInt8](repeating: 0, count: 12)
    var other = zeros
    other[place] ^= bits
    let one = try write(ZipSample([("mine/pos0", Samples.npy("<f4", [3], zeros))]).bytes, as: "one.npz")
    let two = try write(
      ZipSample([("mine/pos0", Samples.npy("<f4", [3], other)), ("mine/pos1", Samples.npy("<f4", [3], other))]).bytes,
      as: "two.npz")
    let key = RecordKey(.other("mine"), layer: nil, position: 0)
    let arrays = try trace("one.npz", "two.npz")
    #expect(arrays.problems == [.copiesDiffer(key, more: 0, path: one, otherPath: two)])
    #expect(arrays.recordCount == 2 && arrays.copyCount == 0)
  }

  /// The same bytes in another type or shape are no copy.
  @Test(arguments: [("<f2", [2]), ("<f4", [1, 1])] as [(String, [Int])])
  func copiesOfAnotherKind(type: String, shape: [Int]) throws {
    _ = try write(ZipSample([("mine/pos0", Samples.npy("<f4", [1], [0, 0, 0, 0]))]).bytes, as: "one.npz")
    _ = try write(ZipSample([("mine/pos0", Samples.npy(type, shape, [0, 0, 0, 0]))]).bytes, as: "two.npz")
    guard case .copiesDiffer? = try trace("one.npz", "two.npz").problems.first else {
      Issue.record("another type or shape passes for a copy")
      return
    }
  }

  /// In one file it is a mistake of the mapping, equal or not.
  @Test func twoArraysOfOneFile() throws {
    let arrays = [("a", Samples.npy([1, 2])), ("b", Samples.npy([1, 2]))]
    _ = try write(ZipSample(arrays).bytes, as: "one.npz")
    _ = try write(ZipSample(arrays).bytes, as: "two.npz")
    let line = "tensor ? -> x.embed axes=position"
    let (other, path) = (folder.path("one.npz"), folder.path("two.npz"))
    let found = try trace("one.npz", "two.npz", mapping: line)
    let key = RecordKey(.embedding, layer: nil, position: 0)
    #expect(
      found.problems.map(\.description) == [
        ArchiveError(other, .array("one/b"), .recordedTwice(key, count: 2, other: "one/a")).description,
        ArchiveError(path, .array("two/b"), .recordedTwice(key, count: 2, other: "two/a")).description,
      ])
    #expect(found.recordCount == 2)
  }

  /// However many arrays give one record, each is looked at once.
  @Test func manyArraysOfOneRecord() throws {
    let count = 20_000
    let entries = (0..<count).map { #""\#($0)":{"dtype":"I8","shape":[1],"data_offsets":[\#($0),\#($0 + 1)]}"# }
    let bytes = Samples.safetensors("{\(entries.joined(separator: ","))}", [UInt8](repeating: 0, count: count))
    let trace = try Samples.trace(bytes, "tensor * -> x.embed axes=position")
    #expect(trace.recordCount == 1 && trace.problems.count == count - 1)
  }

  // MARK: - Names

  /// The names of files and folders: as much of their paths as tells them apart.
  @Test(arguments: [
    (["a/x.npz", "a/y.npz"], ["x", "y"]), (["r0/run.npz", "r1/run.npz"], ["r0/run", "r1/run"]),
    (["r0/run.npz", "r1/run.npz", "other.npz"], ["r0/run", "r1/run", "other"]),
    (["a/b/run.npz", "c/b/run.npz", "b/run.npz"], ["a/b/run", "c/b/run", "b/run"]),
    (["run.npz", "/x/run.npz", "/run.npz"], ["run", "x/run", "/run"]),
    (["run.npz", "run.safetensors"], ["run.npz", "run.safetensors"]),
    (["ranks/0/", "more/0"], ["ranks/0", "more/0"]), (["e\u{301}.npz", "\u{e9}.npz"], ["e\u{301}", "\u{e9}"]),
  ])
  func labels(paths: [String], expected: [String]) {
    #expect(ArchiveLabels.distinct(paths).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
  }

  /// One mapping serves a file, several of one name in different folders, and folders of such files.
  @Test func equalNamesInTwoFolders() throws {
    for (rank, layer) in [("rank0", 0), ("rank1", 1)] {
      let stack = Samples.npy([Float(layer), 7], [1, 1, 2])
      _ = try write(ZipSample([("q", stack), ("mask", Samples.npy([1]))]).bytes, as: "\(rank)/run.npz")
      _ = try write(stack, as: "\(rank)/q.npy")
      _ = try write(stack, as: "folders/\(rank)/q.npy")
      _ = try write(Samples.npy([1]), as: "folders/\(rank)/mask.npy")
    }
    let lines = ["ignore mask", "tensor rank1/* -> q.proj axes=layer,position,feature layers=1"]
    let line = "tensor q -> q.proj axes=layer,position,feature"
    #expect(try trace("rank0/run.npz", mapping: "ignore mask", line).recordCount == 1)
    for names in [
      ["rank0/run.npz", "rank1/run.npz"], ["folders/rank0", "folders/rank1"], ["rank0/q.npy", "rank1/q.npy"],
    ] {
      let needsIgnore = !names[0].hasSuffix(".npy")
      let archive = try TensorArchive(paths: names.map { folder.path($0) })
      let text = (needsIgnore ? lines : [lines[1]]) + [line]
      let found = try ArrayTrace(archive, mapping: ArrayMapping(Array(text.joined(separator: "\n").utf8), file: "map"))
      #expect(found.problems == [] && found.recordCount == 2, "\(names)")
      for layer in 0...1 {
        let key = RecordKey(.queryProjection, layer: layer, position: 0)
        #expect(try found.withRecord(key) { $0.element(0) } == Double(layer), "\(names)")
      }
    }
    // A name in a folder is the same whether the folder is given alone or with others.
    _ = try write(Samples.npy([1]), as: "steps/a/x.0.npy")
    _ = try write(Samples.npy([1]), as: "steps/b/x.1.npy")
    let step = "tensor x.{position} -> x.embed"
    #expect(try trace("steps/a", mapping: step).recordCount == 1)
    #expect(try trace("steps/a", "steps/b", mapping: step).recordCount == 2)
    #expect(try trace("steps", mapping: "tensor ?/x.{position} -> x.embed").recordCount == 2)
  }

  @Test func exportsOfEqualNames() throws {
    for name in ["low", "high"] {
      _ = try write(try folder.read(name + ".npz"), as: "\(name)/run.npz")
    }
    let arrays = try trace("low/run.npz", "high/run.npz")
    #expect(arrays.problems == [] && arrays.recordCount == whole.records.count && arrays.tokens == whole.tokens)
  }

  /// Within a folder, only the extension may tell two files apart.
  @Test func namesThatMeet() throws {
    _ = try write(ZipSample([("x", Samples.npy([1]))]).bytes, as: "f/a.npz")
    _ = try write(ZipSample([("x", Samples.npy([1]))]).bytes, as: "f/a.safetensors")
    #expect(try TensorArchive(paths: [folder.path("f")]).arrays.map(\.name) == ["a.npz/x", "a.safetensors/x"])
    _ = try write(Samples.npy([1]), as: "g/a/x.npy")
    let zip = try write(ZipSample([("x", Samples.npy([1]))]).bytes, as: "g/a.npz")
    let error = Samples.error { () throws(ArchiveError) in _ = try TensorArchive(paths: [folder.path("g")]) }
    let (one, other) = (folder.path("g/a/x.npy"), zip)
    #expect(
      error == ArchiveError(one, .array("a/x"), .sameName(asInFile: other))
        || error == ArchiveError(other, .array("a/x"), .sameName(asInFile: one)))
  }

  @Test func namesByTheirBytes() throws {
    let bytes = ZipSample([("\u{e9}", Samples.npy([1])), ("e\u{301}", Samples.npy([2]))]).bytes
    let trace = try Samples.trace(
      bytes, "tensor \u{e9} -> x.embed axes=position", "tensor e\u{301} -> logits axes=position")
    #expect(trace.problems == [] && trace.recordCount == 2)
    #expect(try trace.withRecord(RecordKey(.logits, layer: nil, position: 0)) { $0.element(0) } == 2)
  }
}
